import type { MigrationInterface, QueryRunner } from 'typeorm';

/** For which organization an application asks; null: for none. */
export class BackchannelOrganizations1700000000125 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE backchannel_requests ADD COLUMN organization_id uuid');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE backchannel_requests DROP COLUMN organization_id');
  }
}
