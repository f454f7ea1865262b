import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where a password came from. */
export class ImportedHashes1700000000027 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE password_credentials ADD COLUMN imported_from text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE password_credentials DROP COLUMN imported_from');
  }
}
