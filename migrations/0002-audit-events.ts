import type { MigrationInterface, QueryRunner } from 'typeorm';

// No foreign key: the record outlives what it speaks of.
export class AuditEvents1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE audit_events (
        tenant_id   uuid NOT NULL,
        id          uuid NOT NULL,
        name        text NOT NULL,
        data        jsonb NOT NULL,
        actor_type  text CONSTRAINT audit_events_actor_type_check CHECK (actor_type IN ('user', 'client', 'system')),
        actor_id    text,
        ip          text,
        user_agent  text,
        request_id  text,
        occurred_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX audit_events_name_idx ON audit_events (tenant_id, name, id)');
    await runner.query('CREATE INDEX audit_events_actor_idx ON audit_events (tenant_id, actor_id, id)');
    await runner.query('CREATE INDEX audit_events_occurred_at_idx ON audit_events (tenant_id, occurred_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE audit_events');
  }
}
