import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an endpoint has to be told, and what became of that. An event is told an endpoint once, so it is its own key. */
export class WebhookDeliveries1700000000169 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE webhook_deliveries (
        tenant_id   uuid NOT NULL,
        endpoint_id uuid NOT NULL,
        event_id    uuid NOT NULL,
        event_name  text NOT NULL,
        status      text NOT NULL DEFAULT 'queued'
          CONSTRAINT webhook_deliveries_status_check CHECK (status IN ('queued', 'delivered', 'dead')),
        attempts    integer NOT NULL DEFAULT 0,
        next_at     timestamptz NOT NULL,
        log         jsonb NOT NULL DEFAULT '[]',
        created_at  timestamptz NOT NULL,
        done_at     timestamptz,
        PRIMARY KEY (tenant_id, endpoint_id, event_id),
        FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhook_endpoints (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query(
      `CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (tenant_id, endpoint_id, next_at) WHERE status = 'queued'`,
    );
    await runner.query('CREATE INDEX webhook_deliveries_created_at_idx ON webhook_deliveries (created_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE webhook_deliveries');
  }
}
