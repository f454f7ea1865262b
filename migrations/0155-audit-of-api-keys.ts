import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was done with an API key is recorded as done by it. */
export class AuditOfApiKeys1700000000155 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // Not validated here, which would read every row while nobody may write (0156).
    await runner.query(`
      ALTER TABLE audit_events
        DROP CONSTRAINT audit_events_actor_type_check,
        ADD CONSTRAINT audit_events_actor_type_check
          CHECK (actor_type IN ('user', 'client', 'system', 'api_key')) NOT VALID`);
  }

  /** What is recorded stays recorded: only what comes after is held to the older rule. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      ALTER TABLE audit_events
        DROP CONSTRAINT audit_events_actor_type_check,
        ADD CONSTRAINT audit_events_actor_type_check CHECK (actor_type IN ('user', 'client', 'system')) NOT VALID`);
  }
}
