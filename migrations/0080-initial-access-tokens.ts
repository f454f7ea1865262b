import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What whoever may register a client holds (RFC 7591 §3), as a hash: how often it is still good, until when, and for what. */
export class InitialAccessTokens1700000000080 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE initial_access_tokens (
        tenant_id    uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id           uuid NOT NULL,
        hash         text NOT NULL,
        description  text,
        policy       jsonb NOT NULL,
        uses_left    integer NOT NULL CONSTRAINT initial_access_tokens_uses_check CHECK (uses_left >= 0),
        created_at   timestamptz NOT NULL,
        expires_at   timestamptz NOT NULL,
        last_used_at timestamptz,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE UNIQUE INDEX initial_access_tokens_hash_key ON initial_access_tokens (tenant_id, hash)');
    await runner.query('CREATE INDEX initial_access_tokens_expires_at_idx ON initial_access_tokens (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE initial_access_tokens');
  }
}
