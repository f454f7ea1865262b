import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Identity providers that a tenant trusts, or one of its organizations. */
export class Connections1700000000130 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE connections (
        tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id              uuid NOT NULL,
        organization_id uuid,
        key             text NOT NULL,
        kind            text NOT NULL CONSTRAINT connections_kind_check CHECK (kind IN ('saml', 'oidc', 'oauth2')),
        preset          text,
        display_name    text NOT NULL,
        settings        jsonb NOT NULL DEFAULT '{}',
        secret_sealed   text,
        upstream        jsonb,
        upstream_at     timestamptz,
        upstream_error  text,
        enabled_at      timestamptz,
        version         integer NOT NULL DEFAULT 1,
        created_at      timestamptz NOT NULL,
        updated_at      timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT connections_key_key UNIQUE (tenant_id, key),
        FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query(`
      CREATE INDEX connections_organization_idx ON connections (tenant_id, organization_id) WHERE organization_id IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE connections');
  }
}
