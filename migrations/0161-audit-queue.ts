import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whoever records an event has it sealed, the version before this one too: the statement that inserts it says so. */
export class AuditQueue1700000000161 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE FUNCTION audit_events_wait() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO audit_unsealed (tenant_id, event_id) SELECT tenant_id, id FROM added;
          RETURN NULL;
        END
      $$`);
    await runner.query(`
      CREATE TRIGGER audit_events_added AFTER INSERT ON audit_events REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION audit_events_wait()`);
    // Nobody records while the trigger is made: what is there now is what nobody has queued.
    await runner.query(`
      INSERT INTO audit_chains (tenant_id, backlog_after) SELECT id, '00000000-0000-0000-0000-000000000000' FROM tenants`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DELETE FROM audit_chains');
    await runner.query('DROP TRIGGER audit_events_added ON audit_events');
    await runner.query('DROP FUNCTION audit_events_wait()');
  }
}
