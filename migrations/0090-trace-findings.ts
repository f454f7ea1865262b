import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which values a refused request had, and which are registered: sealed. */
export class TraceFindings1700000000090 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE traces ADD COLUMN findings_sealed text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE traces DROP COLUMN findings_sealed');
  }
}
