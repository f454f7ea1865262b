import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ReopenedFailures1700000000050 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // When the mailbox last ended what waiting does not end: it does so once in a while (NIST SP 800-63B-4 §3.2.2). No row is rewritten.
    await runner.query('ALTER TABLE login_failures ADD COLUMN reopened_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE login_failures DROP COLUMN reopened_at');
  }
}
