import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a client that registered itself may say of itself, then and later (RFC 7592 §2.2). Null: nothing was agreed on. */
export class ClientRegistrations1700000000081 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE clients ADD COLUMN registration_policy jsonb');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE clients DROP COLUMN registration_policy');
  }
}
