import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What stands on a session is found when that one ends. */
export class GrantsStandOnIndex1700000000079 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS grants_stand_on_idx');
    await runner.query(
      'CREATE INDEX CONCURRENTLY grants_stand_on_idx ON grants (tenant_id, stands_on) WHERE stands_on IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX grants_stand_on_idx');
  }
}
