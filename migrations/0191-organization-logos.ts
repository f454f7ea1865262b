import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The name of the file that an organization has uploaded as its logo. */
export class OrganizationLogos1700000000191 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE organizations ADD COLUMN logo text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE organizations DROP COLUMN logo');
  }
}
