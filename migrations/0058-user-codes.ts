import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The code that somebody types for a device (RFC 8628), as a keyed hash. */
export class UserCodes1700000000058 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE engine_rows ADD COLUMN user_code_hash bytea');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE engine_rows DROP COLUMN user_code_hash');
  }
}
