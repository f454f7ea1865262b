import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A grant is for one organization or for none. No foreign key: what was given is remembered beyond the organization. */
export class GrantsOfOrganizations1700000000121 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE grants ADD COLUMN organization_id uuid');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE grants DROP COLUMN organization_id');
  }
}
