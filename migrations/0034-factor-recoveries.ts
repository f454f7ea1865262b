import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who has asked to have lost second factors taken away, and from when that may be done. */
export class FactorRecoveries1700000000034 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE factor_recoveries (
        tenant_id    uuid NOT NULL,
        user_id      uuid NOT NULL,
        requested_at timestamptz NOT NULL,
        ready_at     timestamptz NOT NULL,
        done_at      timestamptz,
        PRIMARY KEY (tenant_id, user_id),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX factor_recoveries_ready_at_idx ON factor_recoveries (ready_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE factor_recoveries');
  }
}
