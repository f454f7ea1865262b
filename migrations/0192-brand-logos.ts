import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The pictures themselves: one of the tenant, one of each organization. */
export class BrandLogos1700000000192 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE brand_logos (
        tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id              uuid NOT NULL,
        organization_id uuid,
        file            text NOT NULL,
        image           bytea NOT NULL,
        created_at      timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE UNIQUE INDEX brand_logos_organization_key ON brand_logos (tenant_id, organization_id)');
    await runner.query(
      'CREATE UNIQUE INDEX brand_logos_tenant_key ON brand_logos (tenant_id) WHERE organization_id IS NULL',
    );
    await runner.query('CREATE INDEX brand_logos_file_idx ON brand_logos (tenant_id, file)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE brand_logos');
  }
}
