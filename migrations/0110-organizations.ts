import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Groups of people inside a tenant; one of a single person is their personal workspace and goes with them. */
export class Organizations1700000000110 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE organizations (
        tenant_id         uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id                uuid NOT NULL,
        slug              text NOT NULL,
        name              text NOT NULL,
        settings          jsonb NOT NULL DEFAULT '{}',
        personal_of       uuid,
        suspended_at      timestamptz,
        suspension_reason text,
        version           integer NOT NULL DEFAULT 1,
        created_at        timestamptz NOT NULL,
        updated_at        timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT organizations_slug_key UNIQUE (tenant_id, slug),
        CONSTRAINT organizations_personal_key UNIQUE (tenant_id, personal_of),
        FOREIGN KEY (tenant_id, personal_of) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE organizations');
  }
}
