import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What has ended JWT access tokens before they expire, one row for each cause, for resource servers that verify them by themselves. In the order of
 * transactions, and within one of writing: `position` alone would put a row that was written early and committed late where readers have been already.
 */
export class TokenEndings1700000000070 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE token_endings (
        tenant_id  uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        xid        xid8        NOT NULL DEFAULT pg_current_xact_id(),
        position   bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
        kind       text        NOT NULL CONSTRAINT token_endings_kind_check CHECK (kind IN ('jti', 'gid', 'suid', 'client_id')),
        value      text        NOT NULL,
        audience   text,
        ended_at   timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, xid, position)
      )`);
    await runner.query('CREATE INDEX token_endings_expiry ON token_endings (expires_at)');
    await runner.query('ALTER TABLE denied_tokens ADD COLUMN audience text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE denied_tokens DROP COLUMN audience');
    await runner.query('DROP TABLE token_endings');
  }
}
