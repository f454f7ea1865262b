import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an organization says to those whom it invites, more than once. */
export class InvitationTemplates1700000000116 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE invitation_templates (
        tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id              uuid NOT NULL,
        organization_id uuid NOT NULL,
        name            text NOT NULL,
        message         text NOT NULL,
        version         integer NOT NULL DEFAULT 1,
        created_at      timestamptz NOT NULL,
        updated_at      timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT invitation_templates_name_key UNIQUE (tenant_id, organization_id, name),
        FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE invitation_templates');
  }
}
