import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Reads every row, while others read and write. */
export class KeyAlgorithmsValid1700000000063 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE signing_keys VALIDATE CONSTRAINT signing_keys_alg_check');
  }

  /** What has been looked at stays looked at. */
  async down(): Promise<void> {}
}
