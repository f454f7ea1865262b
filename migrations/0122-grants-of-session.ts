import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A session has one grant at a client for each organization, and one for none. */
export class GrantsOfSession1700000000122 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS grants_of_session');
    await runner.query(
      `CREATE UNIQUE INDEX CONCURRENTLY grants_of_session ON grants (tenant_id, session_uid, client_id, organization_id) NULLS NOT DISTINCT
        WHERE ended_at IS NULL AND session_uid IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX grants_of_session');
  }
}
