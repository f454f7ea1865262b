import type { MigrationInterface, QueryRunner } from 'typeorm';

/** People are found by the beginning of their name: in the C collation one index answers it. */
export class UsersName1700000000177 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS users_name');
    await runner.query(
      `CREATE INDEX CONCURRENTLY users_name ON users (tenant_id, (lower(claims ->> 'name') COLLATE "C"))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX users_name');
  }
}
