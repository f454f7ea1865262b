import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Reads every row, while others read and write. */
export class GrantsOfImpersonationValid1700000000186 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE grants VALIDATE CONSTRAINT grants_origin_check');
  }

  /** What has been looked at stays looked at. */
  async down(): Promise<void> {}
}
