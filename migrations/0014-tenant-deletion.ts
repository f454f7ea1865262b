import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A tenant that is being deleted, and how many rows of it have gone so far: written with the rows, so that it survives a crash. */
export class TenantDeletion1700000000014 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`ALTER TABLE tenants ADD COLUMN deleting_at timestamptz`);
    await runner.query(`ALTER TABLE tenants ADD COLUMN deleted_rows jsonb NOT NULL DEFAULT '{}'`);
    await runner.query(`CREATE INDEX tenants_deleting_idx ON tenants (id) WHERE deleting_at IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`ALTER TABLE tenants DROP COLUMN deleted_rows, DROP COLUMN deleting_at`);
  }
}
