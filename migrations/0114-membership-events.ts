import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The history of an organization's members, of those, too, who have no account any more: nothing refers to users. */
export class MembershipEvents1700000000114 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE membership_events (
        tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id              uuid NOT NULL,
        organization_id uuid NOT NULL,
        user_id         uuid NOT NULL,
        kind            text NOT NULL,
        data            jsonb NOT NULL DEFAULT '{}',
        actor_type      text,
        actor_id        text,
        occurred_at     timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query(
      'CREATE INDEX membership_events_organization_idx ON membership_events (tenant_id, organization_id, id)',
    );
    await runner.query('CREATE INDEX membership_events_user_idx ON membership_events (tenant_id, user_id, id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE membership_events');
  }
}
