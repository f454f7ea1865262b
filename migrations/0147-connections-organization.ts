import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whoever goes looks for what referred to them, tenant and organization first: an index of some rows alone is of no use to a foreign key. */
export class ConnectionsOrganization1700000000147 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS connections_organization');
    await runner.query(
      'CREATE INDEX CONCURRENTLY connections_organization ON connections (tenant_id, organization_id)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX connections_organization');
  }
}
