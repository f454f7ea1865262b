import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What became of sign-ins at a connection, newest first. */
export class TracesOfConnection1700000000139 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS traces_connection');
    await runner.query(
      'CREATE INDEX CONCURRENTLY traces_connection ON traces (tenant_id, connection_id, occurred_at DESC) WHERE connection_id IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX traces_connection');
  }
}
