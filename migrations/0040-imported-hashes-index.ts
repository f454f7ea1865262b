import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A way to any of the hashes that a tenant has taken over and not made its own yet. */
export class ImportedHashesIndex1700000000040 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS password_credentials_imported');
    await runner.query(`
      CREATE INDEX CONCURRENTLY password_credentials_imported ON password_credentials (tenant_id, hashtextextended(hash, 0))
      WHERE hash NOT LIKE '$argon2%'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX password_credentials_imported');
  }
}
