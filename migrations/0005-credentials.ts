import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Credentials1700000000005 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE password_credentials (
        tenant_id   uuid NOT NULL,
        user_id     uuid NOT NULL,
        hash        text NOT NULL,
        must_change boolean NOT NULL DEFAULT false,
        changed_at  timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, user_id),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    // Keyed by an HMAC of the identifier, not by the user: an address nobody owns is counted and locked alike.
    await runner.query(`
      CREATE TABLE login_failures (
        tenant_id      uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        subject_hash   text NOT NULL,
        factor         text NOT NULL,
        failed_count   integer NOT NULL,
        locked_until   timestamptz,
        lockout_count  integer NOT NULL DEFAULT 0,
        last_failed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, subject_hash, factor)
      )`);
    await runner.query('CREATE INDEX login_failures_last_failed_at_idx ON login_failures (last_failed_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE login_failures');
    await runner.query('DROP TABLE password_credentials');
  }
}
