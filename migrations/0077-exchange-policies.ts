import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which client may exchange whose tokens for which resource (RFC 8693). */
export class ExchangePolicies1700000000077 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE exchange_policies (
        tenant_id         uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id                uuid NOT NULL,
        client_id         text NOT NULL,
        subject_clients   jsonb NOT NULL,
        subject_audiences jsonb NOT NULL,
        subject_issuers   jsonb NOT NULL,
        resources         jsonb NOT NULL,
        scopes            jsonb,
        acting            text NOT NULL CONSTRAINT exchange_policies_acting_check CHECK (acting IN ('delegation', 'impersonation')),
        actors            jsonb NOT NULL,
        version           integer NOT NULL DEFAULT 1,
        created_at        timestamptz NOT NULL,
        updated_at        timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, client_id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX exchange_policies_client_idx ON exchange_policies (tenant_id, client_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE exchange_policies');
  }
}
