import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Domains of organizations. Any of them may claim one; whoever has proved it has it alone. */
export class OrganizationDomains1700000000115 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE organization_domains (
        tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id              uuid NOT NULL,
        organization_id uuid NOT NULL,
        domain          text NOT NULL,
        challenge       text NOT NULL,
        auto_join       text CONSTRAINT organization_domains_auto_join_check CHECK (auto_join = 'member'),
        team_ids        uuid[] NOT NULL DEFAULT '{}',
        verified_at     timestamptz,
        checked_at      timestamptz,
        failed_checks   smallint NOT NULL DEFAULT 0,
        version         integer NOT NULL DEFAULT 1,
        created_at      timestamptz NOT NULL,
        updated_at      timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT organization_domains_domain_key UNIQUE (tenant_id, organization_id, domain),
        FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query(`
      CREATE UNIQUE INDEX organization_domains_verified_key ON organization_domains (tenant_id, domain)
        WHERE verified_at IS NOT NULL`);
    await runner.query(
      'CREATE INDEX organization_domains_checked_idx ON organization_domains (checked_at) WHERE verified_at IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE organization_domains');
  }
}
