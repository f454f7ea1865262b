import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The name of the file that a tenant has uploaded as its logo. */
export class TenantLogos1700000000190 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE tenants ADD COLUMN logo text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE tenants DROP COLUMN logo');
  }
}
