import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How often an API key was used, day by day (UTC). */
export class ApiKeyUsage1700000000158 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE api_key_usage (
        tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        key_id    uuid NOT NULL,
        day       timestamptz NOT NULL,
        requests  bigint NOT NULL,
        PRIMARY KEY (tenant_id, key_id, day),
        FOREIGN KEY (tenant_id, key_id) REFERENCES api_keys (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX api_key_usage_day_idx ON api_key_usage (day)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE api_key_usage');
  }
}
