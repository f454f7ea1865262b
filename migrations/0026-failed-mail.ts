import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was given up is looked for among everything that was sent within a month. */
export class FailedMail1700000000026 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS mail_messages_failed_idx');
    await runner.query(
      `CREATE INDEX CONCURRENTLY mail_messages_failed_idx ON mail_messages (tenant_id, id) WHERE status = 'failed'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX mail_messages_failed_idx');
  }
}
