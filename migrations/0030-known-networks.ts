import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Networks (IPv4 /24, IPv6 /48) that an account was signed in from. */
export class KnownNetworks1700000000030 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE known_networks (
        tenant_id    uuid NOT NULL,
        user_id      uuid NOT NULL,
        network      text NOT NULL,
        created_at   timestamptz NOT NULL,
        last_seen_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, user_id, network),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX known_networks_last_seen_at_idx ON known_networks (last_seen_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE known_networks');
  }
}
