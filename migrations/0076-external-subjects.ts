import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who somebody is that a trusted issuer speaks of: by issuer and subject alone, never by an e-mail address. */
export class ExternalSubjects1700000000076 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE external_subjects (
        tenant_id  uuid NOT NULL,
        id         uuid NOT NULL,
        issuer_id  uuid NOT NULL,
        subject    text NOT NULL,
        user_id    uuid NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT external_subjects_subject_key UNIQUE (tenant_id, issuer_id, subject),
        FOREIGN KEY (tenant_id, issuer_id) REFERENCES trusted_issuers (tenant_id, id) ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX external_subjects_user_idx ON external_subjects (tenant_id, user_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE external_subjects');
  }
}
