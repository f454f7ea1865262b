import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Clients that nobody has used are found in the order of their age. */
export class UnusedClientsIndex1700000000084 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS clients_unused_idx');
    await runner.query(
      'CREATE INDEX CONCURRENTLY clients_unused_idx ON clients (created_at, client_id) WHERE dynamic AND used_at IS NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX clients_unused_idx');
  }
}
