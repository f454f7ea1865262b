import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whose a token is: its subject up to the colon. A person has several at a time, and they end together. */
export class OneTimeOwners1700000000044 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS one_time_tokens_owner_idx');
    await runner.query(
      `CREATE INDEX CONCURRENTLY one_time_tokens_owner_idx ON one_time_tokens (tenant_id, (split_part(subject, ':', 1)))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX one_time_tokens_owner_idx');
  }
}
