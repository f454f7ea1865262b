import type { MigrationInterface, QueryRunner } from 'typeorm';

/** One request for each code that people type. */
export class UserCodesIndex1700000000059 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS engine_rows_user_code_key');
    await runner.query(
      `CREATE UNIQUE INDEX CONCURRENTLY engine_rows_user_code_key ON engine_rows (tenant_id, user_code_hash) WHERE user_code_hash IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX engine_rows_user_code_key');
  }
}
