import type { MigrationInterface, QueryRunner } from 'typeorm';

export class OneTimeTokens1700000000006 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE one_time_tokens (
        tenant_id   uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        purpose     text NOT NULL,
        token_hash  text NOT NULL,
        subject     text NOT NULL,
        data        jsonb NOT NULL DEFAULT '{}',
        created_at  timestamptz NOT NULL,
        expires_at  timestamptz NOT NULL,
        consumed_at timestamptz,
        PRIMARY KEY (tenant_id, purpose, token_hash)
      )`);
    // One token for each purpose and subject: issuing a new one takes the place of the older.
    await runner.query(
      'CREATE UNIQUE INDEX one_time_tokens_subject_key ON one_time_tokens (tenant_id, purpose, subject)',
    );
    await runner.query('CREATE INDEX one_time_tokens_expires_at_idx ON one_time_tokens (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE one_time_tokens');
  }
}
