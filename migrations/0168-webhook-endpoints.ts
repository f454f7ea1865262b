import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whom the tenant, or one of its organizations, tells of what happens. */
export class WebhookEndpoints1700000000168 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE webhook_endpoints (
        tenant_id              uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id                     uuid NOT NULL,
        organization_id        uuid,
        url                    text NOT NULL,
        description            text,
        events                 text[] NOT NULL,
        secret_sealed          text NOT NULL,
        previous_secret_sealed text,
        previous_until         timestamptz,
        enabled_at             timestamptz,
        disabled_reason        text,
        failures               integer NOT NULL DEFAULT 0,
        failing_since          timestamptz,
        resume_at              timestamptz,
        version                integer NOT NULL DEFAULT 1,
        created_at             timestamptz NOT NULL,
        updated_at             timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query(
      'CREATE INDEX webhook_endpoints_organization_idx ON webhook_endpoints (tenant_id, organization_id)',
    );
    await runner.query(
      'CREATE INDEX webhook_endpoints_previous_until_idx ON webhook_endpoints (previous_until) WHERE previous_until IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE webhook_endpoints');
  }
}
