import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The one that leaves out the tenant's own connections: there is a whole one now. */
export class ConnectionsOrganizationPart1700000000148 implements MigrationInterface {
  // The table is written to meanwhile.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS connections_organization_idx');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(
      'CREATE INDEX connections_organization_idx ON connections (tenant_id, organization_id) WHERE organization_id IS NOT NULL',
    );
  }
}
