import type { MigrationInterface, QueryRunner } from 'typeorm';

/** JWT access tokens (RFC 9068) that were revoked before they expire: there is no row of theirs to delete. */
export class DeniedTokens1700000000011 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE denied_tokens (
        tenant_id  uuid        NOT NULL REFERENCES tenants (id),
        jti        text        NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, jti)
      )`);
    await runner.query(`CREATE INDEX denied_tokens_expiry ON denied_tokens (expires_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE denied_tokens`);
  }
}
