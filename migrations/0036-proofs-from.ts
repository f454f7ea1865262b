import type { MigrationInterface, QueryRunner } from 'typeorm';

/** From when on what a person proves begins a session: whatever ended all of theirs ended the sign-ins on their way too. */
export class ProofsFrom1700000000036 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE users ADD COLUMN proofs_from timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE users DROP COLUMN proofs_from');
  }
}
