import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whose a token is: its subject up to the colon. A person has several at a time, and they end together. */
export class OneTimeOwners1700000000044 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // Rows live for days and are few: the lock is a matter of moments.
    await runner.query(
      `CREATE INDEX one_time_tokens_owner_idx ON one_time_tokens (tenant_id, (split_part(subject, ':', 1)))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX one_time_tokens_owner_idx');
  }
}
