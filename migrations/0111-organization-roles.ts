import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Roles beside owner, admin and member: of one organization, or, where it names none, of every one of the tenant. */
export class OrganizationRoles1700000000111 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE organization_roles (
        tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id              uuid NOT NULL,
        organization_id uuid,
        key             text NOT NULL CONSTRAINT organization_roles_key_check CHECK (key NOT IN ('owner', 'admin', 'member')),
        name            text NOT NULL,
        description     text,
        rank            smallint NOT NULL CONSTRAINT organization_roles_rank_check CHECK (rank BETWEEN 1 AND 99),
        permissions     text[] NOT NULL DEFAULT '{}',
        version         integer NOT NULL DEFAULT 1,
        created_at      timestamptz NOT NULL,
        updated_at      timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT organization_roles_key_key UNIQUE NULLS NOT DISTINCT (tenant_id, organization_id, key),
        FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE organization_roles');
  }
}
