import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Every proof that a session stands on, and when it was given; sessions from before say it as a class and methods only. */
export class SessionProofs1700000000120 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE sessions ADD COLUMN proofs jsonb');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE sessions DROP COLUMN proofs');
  }
}
