import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether a client may exchange API keys (RFC 8693). */
export class ExchangeOfApiKeys1700000000159 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE exchange_policies ADD COLUMN subject_api_keys boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE exchange_policies DROP COLUMN subject_api_keys');
  }
}
