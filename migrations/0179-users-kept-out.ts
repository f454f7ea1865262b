import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Few people may not come in, and are listed as such. */
export class UsersKeptOut1700000000179 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS users_kept_out');
    await runner.query(
      'CREATE INDEX CONCURRENTLY users_kept_out ON users (tenant_id, id) WHERE disabled_at IS NOT NULL OR deletion_at IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX users_kept_out');
  }
}
