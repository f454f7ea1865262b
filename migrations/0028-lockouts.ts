import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Every lock there was. Keyed by an HMAC of the identifier as login_failures is: of an address nobody owns as well. */
export class Lockouts1700000000028 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE lockouts (
        tenant_id    uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id           uuid NOT NULL,
        subject_hash text NOT NULL,
        user_id      uuid,
        factor       text NOT NULL,
        cause        text NOT NULL,
        ip           text,
        locked_at    timestamptz NOT NULL,
        locked_until timestamptz NOT NULL,
        unlocked_at  timestamptz,
        unlocked_by  text,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX lockouts_subject_idx ON lockouts (tenant_id, subject_hash, locked_at)');
    await runner.query('CREATE INDEX lockouts_user_idx ON lockouts (tenant_id, user_id, id)');
    await runner.query('CREATE INDEX lockouts_locked_at_idx ON lockouts (locked_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE lockouts');
  }
}
