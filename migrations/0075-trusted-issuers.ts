import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whose assertions are believed (RFC 7523 §2.1, RFC 7521 §4.1), signed by which keys, shown by which clients, for what. */
export class TrustedIssuers1700000000075 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE trusted_issuers (
        tenant_id   uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id          uuid NOT NULL,
        issuer      text NOT NULL,
        name        text NOT NULL,
        jwks        jsonb,
        jwks_uri    text,
        algorithms  jsonb NOT NULL,
        clients     jsonb NOT NULL,
        resources   jsonb NOT NULL,
        scopes      jsonb NOT NULL,
        disabled_at timestamptz,
        version     integer NOT NULL DEFAULT 1,
        created_at  timestamptz NOT NULL,
        updated_at  timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT trusted_issuers_issuer_key UNIQUE (tenant_id, issuer),
        CONSTRAINT trusted_issuers_keys_check CHECK ((jwks IS NULL) <> (jwks_uri IS NULL))
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE trusted_issuers');
  }
}
