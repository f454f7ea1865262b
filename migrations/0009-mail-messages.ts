import type { MigrationInterface, QueryRunner } from 'typeorm';

// Recipient, words and links are sealed: a copy of this table opens no account.
export class MailMessages1700000000009 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE mail_messages (
        tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id              uuid NOT NULL,
        template        text NOT NULL,
        status          text NOT NULL DEFAULT 'queued'
          CONSTRAINT mail_messages_status_check CHECK (status IN ('queued', 'sent', 'failed')),
        payload_sealed  text,
        rendered_sealed text,
        attempts        integer NOT NULL DEFAULT 0,
        last_error      text,
        created_at      timestamptz NOT NULL,
        sent_at         timestamptz,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX mail_messages_created_at_idx ON mail_messages (created_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE mail_messages');
  }
}
