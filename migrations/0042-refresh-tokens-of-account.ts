import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The only rows of the engine that outlive a day: those of one account are found when it ends. */
export class RefreshTokensOfAccount1700000000042 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS engine_rows_refresh_account');
    await runner.query(
      `CREATE INDEX CONCURRENTLY engine_rows_refresh_account ON engine_rows (tenant_id, account_id) WHERE kind = 'RefreshToken'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX engine_rows_refresh_account');
  }
}
