import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Browsers that an account was signed in with; those in which it is remembered after a second factor have trusted_until. */
export class Devices1700000000029 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE devices (
        tenant_id     uuid NOT NULL,
        id            uuid NOT NULL,
        user_id       uuid NOT NULL,
        handle_hash   text NOT NULL,
        ip            text,
        user_agent    text,
        created_at    timestamptz NOT NULL,
        last_seen_at  timestamptz NOT NULL,
        trusted_until timestamptz,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, user_id, handle_hash),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX devices_last_seen_at_idx ON devices (last_seen_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE devices');
  }
}
