import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tokens that belong to one flow (a sign-in, a session), and codes short enough to be guessed, whose tries are counted. */
export class OneTimeFlows1700000000024 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`ALTER TABLE one_time_tokens ADD COLUMN flow text NOT NULL DEFAULT ''`);
    await runner.query(`ALTER TABLE one_time_tokens ADD COLUMN attempts integer NOT NULL DEFAULT 0`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`ALTER TABLE one_time_tokens DROP COLUMN attempts, DROP COLUMN flow`);
  }
}
