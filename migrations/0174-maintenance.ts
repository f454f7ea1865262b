import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a tenant is closed for, and on the row of `default` what all of them are; null while it is open. */
export class Maintenance1700000000174 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      ALTER TABLE tenants
        ADD COLUMN maintenance jsonb,
        ADD COLUMN installation_maintenance jsonb,
        ADD CONSTRAINT tenants_installation_maintenance CHECK (installation_maintenance IS NULL OR slug = 'default')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE tenants DROP COLUMN maintenance, DROP COLUMN installation_maintenance');
  }
}
