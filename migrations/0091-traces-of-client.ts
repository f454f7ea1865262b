import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a client was refused, newest first. */
export class TracesOfClient1700000000091 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS traces_client');
    await runner.query(`CREATE INDEX CONCURRENTLY traces_client ON traces (tenant_id, client_id, occurred_at DESC)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX traces_client');
  }
}
