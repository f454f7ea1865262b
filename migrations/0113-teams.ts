import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Groups of members within an organization. */
export class Teams1700000000113 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE teams (
        tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id              uuid NOT NULL,
        organization_id uuid NOT NULL,
        slug            text NOT NULL,
        name            text NOT NULL,
        description     text,
        version         integer NOT NULL DEFAULT 1,
        created_at      timestamptz NOT NULL,
        updated_at      timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT teams_slug_key UNIQUE (tenant_id, organization_id, slug),
        CONSTRAINT teams_organization_key UNIQUE (tenant_id, organization_id, id),
        FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
      )`);
    // Both keys name the organization: nobody is in a team of another one.
    await runner.query(`
      CREATE TABLE team_members (
        tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        team_id         uuid NOT NULL,
        organization_id uuid NOT NULL,
        user_id         uuid NOT NULL,
        PRIMARY KEY (tenant_id, organization_id, team_id, user_id),
        FOREIGN KEY (tenant_id, organization_id, team_id) REFERENCES teams (tenant_id, organization_id, id) ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, organization_id, user_id) REFERENCES memberships (tenant_id, organization_id, user_id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX team_members_user_idx ON team_members (tenant_id, organization_id, user_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE team_members, teams');
  }
}
