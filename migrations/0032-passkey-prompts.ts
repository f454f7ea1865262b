import type { MigrationInterface, QueryRunner } from 'typeorm';

export class PasskeyPrompts1700000000032 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // When a person was last asked, after a sign-in by password, to add a passkey.
    await runner.query('ALTER TABLE passkey_users ADD COLUMN prompted_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE passkey_users DROP COLUMN prompted_at');
  }
}
