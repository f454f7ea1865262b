import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a person decides about their account: its end, with time to think again, what they want to be told, and that somebody else was in it. */
export class AccountLife1700000000033 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(
      `ALTER TABLE users ADD COLUMN deletion_at timestamptz, ADD COLUMN settings jsonb NOT NULL DEFAULT '{}', ADD COLUMN locked_down_at timestamptz`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE users DROP COLUMN locked_down_at, DROP COLUMN settings, DROP COLUMN deletion_at');
  }
}
