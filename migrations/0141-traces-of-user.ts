import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Traces of a person, which go with them. */
export class TracesOfUser1700000000141 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS traces_user');
    await runner.query(
      'CREATE INDEX CONCURRENTLY traces_user ON traces (tenant_id, user_id) WHERE user_id IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX traces_user');
  }
}
