import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Users1700000000004 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE users (
        tenant_id        uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id               uuid NOT NULL,
        email            text NOT NULL,
        email_normalized text NOT NULL,
        email_verified   boolean NOT NULL DEFAULT false,
        claims           jsonb NOT NULL DEFAULT '{}',
        roles            text[] NOT NULL DEFAULT '{}',
        disabled_at      timestamptz,
        last_login_at    timestamptz,
        version          integer NOT NULL DEFAULT 1,
        created_at       timestamptz NOT NULL,
        updated_at       timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    // text_pattern_ops: the same index answers equality and "begins with".
    await runner.query('CREATE UNIQUE INDEX users_email_key ON users (tenant_id, email_normalized text_pattern_ops)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE users');
  }
}
