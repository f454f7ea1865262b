import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who acts for whom right now is found without reading what people have agreed to. */
export class GrantsOfImpersonationIndex1700000000187 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS grants_impersonation_idx');
    await runner.query(
      `CREATE INDEX CONCURRENTLY grants_impersonation_idx ON grants (tenant_id, account_id)
        WHERE origin = 'impersonation' AND ended_at IS NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX grants_impersonation_idx');
  }
}
