import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Tenants1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE tenants (
        id             uuid PRIMARY KEY,
        slug           text NOT NULL CONSTRAINT tenants_slug_key UNIQUE,
        name           text NOT NULL,
        host           text CONSTRAINT tenants_host_key UNIQUE,
        settings       jsonb NOT NULL DEFAULT '{}',
        secrets_sealed text NOT NULL,
        suspended_at   timestamptz,
        version        integer NOT NULL DEFAULT 1,
        created_at     timestamptz NOT NULL,
        updated_at     timestamptz NOT NULL,
        CONSTRAINT tenants_slug_check CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$')
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE tenants');
  }
}
