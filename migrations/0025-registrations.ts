import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who made their account themselves and has not proved its address yet, and in which browser they did. */
export class Registrations1700000000025 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE registrations (
        tenant_id  uuid NOT NULL,
        user_id    uuid NOT NULL,
        flow_hash  text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, user_id),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX registrations_created_at_idx ON registrations (created_at, user_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE registrations');
  }
}
