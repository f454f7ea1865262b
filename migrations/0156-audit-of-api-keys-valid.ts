import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Reads every row, while others read and write. */
export class AuditOfApiKeysValid1700000000156 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE audit_events VALIDATE CONSTRAINT audit_events_actor_type_check');
  }

  /** What has been looked at stays looked at. */
  async down(): Promise<void> {}
}
