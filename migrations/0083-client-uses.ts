import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a client that registered itself was given its first token; what was there before counts as used. */
export class ClientUses1700000000083 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE clients ADD COLUMN used_at timestamptz');
    await runner.query('UPDATE clients SET used_at = created_at WHERE dynamic');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE clients DROP COLUMN used_at');
  }
}
