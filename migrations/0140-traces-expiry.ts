import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Traces that are kept as long as their tenant says. */
export class TracesExpiry1700000000140 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS traces_expires_at');
    await runner.query('CREATE INDEX CONCURRENTLY traces_expires_at ON traces (expires_at) WHERE expires_at IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX traces_expires_at');
  }
}
