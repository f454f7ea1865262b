import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a tenant says in its letters, in place of the words of the house. */
export class MailTemplates1700000000193 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE mail_templates (
        tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        name       text NOT NULL,
        locale     text NOT NULL,
        subject    text NOT NULL,
        heading    text,
        text       text NOT NULL,
        version    integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, name, locale)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE mail_templates');
  }
}
