import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The index before grants_of_session allowed one grant alone. No version that needs it was ever released. */
export class GrantsSessionClient1700000000123 implements MigrationInterface {
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS grants_session_client');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // The version before knows one grant alone: what was given for an organization ends.
    await runner.query(
      `UPDATE grants SET ended_at = now(), end_reason = 'organization_ended' WHERE organization_id IS NOT NULL AND ended_at IS NULL`,
    );
    await runner.query(
      `CREATE UNIQUE INDEX grants_session_client ON grants (tenant_id, session_uid, client_id)
        WHERE ended_at IS NULL AND session_uid IS NOT NULL`,
    );
  }
}
