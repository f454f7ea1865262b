import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The index before grants_of_session allowed one grant alone. No version that needs it was ever released. */
export class GrantsSessionClient1700000000123 implements MigrationInterface {
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS grants_session_client');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE UNIQUE INDEX CONCURRENTLY grants_session_client ON grants (tenant_id, session_uid, client_id)
        WHERE ended_at IS NULL AND session_uid IS NOT NULL`,
    );
  }
}
