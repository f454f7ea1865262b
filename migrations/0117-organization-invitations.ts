import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whom an organization has asked in, as what, and what became of it. The link is a one-time token; nothing here opens anything. */
export class OrganizationInvitations1700000000117 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE organization_invitations (
        tenant_id        uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id               uuid NOT NULL,
        organization_id  uuid NOT NULL,
        email            text NOT NULL,
        email_normalized text NOT NULL,
        role             text NOT NULL CONSTRAINT organization_invitations_role_check CHECK (role IN ('owner', 'admin', 'member')),
        role_ids         uuid[] NOT NULL DEFAULT '{}',
        permissions      text[] NOT NULL DEFAULT '{}',
        team_ids         uuid[] NOT NULL DEFAULT '{}',
        template_id      uuid,
        message          text,
        locale           text,
        state            text NOT NULL DEFAULT 'pending'
          CONSTRAINT organization_invitations_state_check CHECK (state IN ('pending', 'accepted', 'declined', 'cancelled', 'expired')),
        invited_by       uuid,
        sent_at          timestamptz NOT NULL,
        sends            integer NOT NULL DEFAULT 1,
        expires_at       timestamptz NOT NULL,
        decided_at       timestamptz,
        accepted_by      uuid,
        version          integer NOT NULL DEFAULT 1,
        created_at       timestamptz NOT NULL,
        updated_at       timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT organization_invitations_decided_check CHECK ((state = 'pending') = (decided_at IS NULL)),
        FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, template_id) REFERENCES invitation_templates (tenant_id, id) ON DELETE SET NULL (template_id),
        FOREIGN KEY (tenant_id, invited_by) REFERENCES users (tenant_id, id) ON DELETE SET NULL (invited_by),
        FOREIGN KEY (tenant_id, accepted_by) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query(`
      CREATE UNIQUE INDEX organization_invitations_pending_key
        ON organization_invitations (tenant_id, organization_id, email_normalized) WHERE state = 'pending'`);
    await runner.query(
      'CREATE INDEX organization_invitations_organization_idx ON organization_invitations (tenant_id, organization_id, id)',
    );
    await runner.query(
      'CREATE INDEX organization_invitations_email_idx ON organization_invitations (tenant_id, email_normalized)',
    );
    // What a user or a template refers to is found when it goes.
    await runner.query(
      'CREATE INDEX organization_invitations_accepted_idx ON organization_invitations (tenant_id, accepted_by)',
    );
    await runner.query(
      'CREATE INDEX organization_invitations_inviter_idx ON organization_invitations (tenant_id, invited_by)',
    );
    await runner.query(
      'CREATE INDEX organization_invitations_template_idx ON organization_invitations (tenant_id, template_id)',
    );
    await runner.query(
      `CREATE INDEX organization_invitations_expiry_idx ON organization_invitations (expires_at) WHERE state = 'pending'`,
    );
    await runner.query('CREATE INDEX organization_invitations_decided_idx ON organization_invitations (decided_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE organization_invitations');
  }
}
