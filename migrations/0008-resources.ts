import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Resources1700000000008 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE resources (
        tenant_id           uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id                  uuid NOT NULL,
        identifier          text NOT NULL,
        name                text NOT NULL,
        scopes              jsonb NOT NULL DEFAULT '[]',
        access_token_format text NOT NULL DEFAULT 'opaque'
          CONSTRAINT resources_access_token_format_check CHECK (access_token_format IN ('opaque', 'jwt')),
        access_token_ttl    integer NOT NULL,
        signing_alg         text NOT NULL DEFAULT 'ES256',
        version             integer NOT NULL DEFAULT 1,
        created_at          timestamptz NOT NULL,
        updated_at          timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT resources_identifier_key UNIQUE (tenant_id, identifier)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE resources');
  }
}
