import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How far the request of a device has come (RFC 8628 §3.3): null while nobody has typed its code, 1 once a browser has taken it up, 2 once it is decided. */
export class DeviceStages1700000000065 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE engine_rows ADD COLUMN device_stage smallint');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE engine_rows DROP COLUMN device_stage');
  }
}
