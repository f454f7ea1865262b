import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was issued for an address that has no account lies under a name made of it: found by that when somebody with the address goes. */
export class OneTimeNobody1700000000053 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS one_time_tokens_nobody_idx');
    await runner.query(
      `CREATE INDEX CONCURRENTLY one_time_tokens_nobody_idx ON one_time_tokens (tenant_id, (split_part(subject, ':', 2)))
        WHERE split_part(subject, ':', 1) = 'nobody'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX one_time_tokens_nobody_idx');
  }
}
