import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was given for an organization is found when it ends, or somebody's membership does. */
export class GrantsOrganizationIndex1700000000124 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS grants_organization_idx');
    await runner.query(
      `CREATE INDEX CONCURRENTLY grants_organization_idx ON grants (tenant_id, organization_id, account_id)
        WHERE organization_id IS NOT NULL AND ended_at IS NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX grants_organization_idx');
  }
}
