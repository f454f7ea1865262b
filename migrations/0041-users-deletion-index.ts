import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts whose time has come. */
export class UsersDeletionIndex1700000000041 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS users_deletion_at_idx');
    await runner.query(
      'CREATE INDEX CONCURRENTLY users_deletion_at_idx ON users (deletion_at) WHERE deletion_at IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX users_deletion_at_idx');
  }
}
