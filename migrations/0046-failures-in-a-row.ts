import type { MigrationInterface, QueryRunner } from 'typeorm';

export class FailuresInARow1700000000046 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // Since the last success, however long ago; counted where a limit holds (NIST SP 800-63B-4 §3.2.2). A constant: no row is rewritten.
    await runner.query('ALTER TABLE login_failures ADD COLUMN in_a_row integer NOT NULL DEFAULT 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE login_failures DROP COLUMN in_a_row');
  }
}
