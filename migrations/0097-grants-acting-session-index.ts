import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was given to somebody who acts for another is found when a session of theirs ends. */
export class GrantsActingSessionIndex1700000000097 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS grants_acting_session_idx');
    await runner.query(
      'CREATE INDEX CONCURRENTLY grants_acting_session_idx ON grants (tenant_id, acting_session_uid) WHERE acting_session_uid IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX grants_acting_session_idx');
  }
}
