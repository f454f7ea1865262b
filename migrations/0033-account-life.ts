import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a person decides about their account: its end, with time to think again, and what they want to be told. */
export class AccountLife1700000000033 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(
      `ALTER TABLE users ADD COLUMN deletion_at timestamptz, ADD COLUMN settings jsonb NOT NULL DEFAULT '{}'`,
    );
    await runner.query('CREATE INDEX users_deletion_at_idx ON users (deletion_at) WHERE deletion_at IS NOT NULL');
    // The only rows of the engine that outlive a day, so that those of one account are found when it ends.
    await runner.query(
      `CREATE INDEX engine_rows_refresh_account ON engine_rows (tenant_id, account_id) WHERE kind = 'RefreshToken'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX engine_rows_refresh_account');
    await runner.query('DROP INDEX users_deletion_at_idx');
    await runner.query('ALTER TABLE users DROP COLUMN settings, DROP COLUMN deletion_at');
  }
}
