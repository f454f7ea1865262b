import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a client that registered itself was given its first token; what was there before counts as used. */
export class ClientUses1700000000083 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // One value for all rows that are there, without writing them.
    await runner.query('ALTER TABLE clients ADD COLUMN used_at timestamptz DEFAULT now()');
    await runner.query('ALTER TABLE clients ALTER COLUMN used_at DROP DEFAULT');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE clients DROP COLUMN used_at');
  }
}
