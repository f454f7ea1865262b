import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where a password came from, and a way to any of the hashes a tenant has taken over and not made its own yet. */
export class ImportedHashes1700000000027 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE password_credentials ADD COLUMN imported_from text');
    await runner.query(`
      CREATE INDEX password_credentials_imported ON password_credentials (tenant_id, hashtextextended(hash, 0))
      WHERE hash NOT LIKE '$argon2%'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX password_credentials_imported');
    await runner.query('ALTER TABLE password_credentials DROP COLUMN imported_from');
  }
}
