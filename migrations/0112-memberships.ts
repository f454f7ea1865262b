import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who belongs to an organization, and as what. */
export class Memberships1700000000112 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE memberships (
        tenant_id         uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        organization_id   uuid NOT NULL,
        user_id           uuid NOT NULL,
        role              text NOT NULL CONSTRAINT memberships_role_check CHECK (role IN ('owner', 'admin', 'member')),
        permissions       text[] NOT NULL DEFAULT '{}',
        suspended_at      timestamptz,
        suspension_reason text,
        last_used_at      timestamptz,
        inactive_noted_at timestamptz,
        joined_at         timestamptz NOT NULL,
        updated_at        timestamptz NOT NULL,
        version           integer NOT NULL DEFAULT 1,
        PRIMARY KEY (tenant_id, organization_id, user_id),
        FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX memberships_user_idx ON memberships (tenant_id, user_id)');
    // The last owner is looked for among few, however many members there are.
    await runner.query(
      `CREATE INDEX memberships_owner_idx ON memberships (tenant_id, organization_id) WHERE role = 'owner'`,
    );
    // What refers to the organization itself goes with it before its roles are found to be in use.
    await runner.query(`
      CREATE TABLE membership_roles (
        tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        organization_id uuid NOT NULL,
        user_id         uuid NOT NULL,
        role_id         uuid NOT NULL,
        PRIMARY KEY (tenant_id, organization_id, user_id, role_id),
        FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, organization_id, user_id) REFERENCES memberships (tenant_id, organization_id, user_id) ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, role_id) REFERENCES organization_roles (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX membership_roles_role_idx ON membership_roles (tenant_id, role_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE membership_roles, memberships');
  }
}
