import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who somebody is that an identity provider speaks of: by connection and subject alone, never by an e-mail address. */
export class Identities1700000000136 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE identities (
        tenant_id         uuid NOT NULL,
        connection_id     uuid NOT NULL,
        subject           text NOT NULL,
        id                uuid NOT NULL,
        user_id           uuid NOT NULL,
        made_account      boolean NOT NULL DEFAULT false,
        given             jsonb NOT NULL DEFAULT '{}',
        tokens_sealed     text,
        created_at        timestamptz NOT NULL,
        last_used_at      timestamptz,
        PRIMARY KEY (tenant_id, connection_id, subject),
        CONSTRAINT identities_id_key UNIQUE (tenant_id, id),
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id) ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX identities_user_idx ON identities (tenant_id, user_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE identities');
  }
}
