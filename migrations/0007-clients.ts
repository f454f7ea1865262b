import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Clients1700000000007 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE clients (
        tenant_id      uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        client_id      text NOT NULL,
        name           text NOT NULL,
        metadata       jsonb NOT NULL,
        consent_policy text NOT NULL DEFAULT 'explicit'
          CONSTRAINT clients_consent_policy_check CHECK (consent_policy IN ('explicit', 'implicit')),
        dynamic        boolean NOT NULL DEFAULT false,
        disabled_at    timestamptz,
        version        integer NOT NULL DEFAULT 1,
        created_at     timestamptz NOT NULL,
        updated_at     timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, client_id),
        CONSTRAINT clients_metadata_check CHECK (NOT metadata ? 'client_secret'),
        CONSTRAINT clients_dynamic_check CHECK (NOT (dynamic AND consent_policy = 'implicit'))
      )`);
    await runner.query(`
      CREATE TABLE client_secrets (
        tenant_id  uuid NOT NULL,
        id         uuid NOT NULL,
        client_id  text NOT NULL,
        hash       text NOT NULL,
        hint       text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, client_id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX client_secrets_client_idx ON client_secrets (tenant_id, client_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE client_secrets');
    await runner.query('DROP TABLE clients');
  }
}
