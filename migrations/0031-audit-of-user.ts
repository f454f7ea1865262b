import type { MigrationInterface, QueryRunner } from 'typeorm';

const columns = `(tenant_id, (data ->> 'user_id'), id) WHERE data ->> 'user_id' IS NOT NULL`;

/** What happened to one person, newest first: they are shown it on their own pages. */
export class AuditOfUser1700000000031 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    const partitions = await runner.query(`
      SELECT quote_ident(relname) AS name, quote_ident(left(relname, 54) || '_user_idx') AS index
        FROM pg_partition_tree('audit_events') JOIN pg_class ON oid = relid WHERE isleaf`);
    if (partitions.length > 0) return partitioned(runner, partitions);
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS audit_events_user_idx');
    await runner.query(`CREATE INDEX CONCURRENTLY audit_events_user_idx ON audit_events ${columns}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX audit_events_user_idx');
  }
}

/** As whoever runs the server may have made it (docs/operations.md): each partition has its index first, then they become one. */
async function partitioned(runner: QueryRunner, partitions: { name: string; index: string }[]): Promise<void> {
  await runner.query(`SET lock_timeout = '5s'`);
  await runner.query('DROP INDEX IF EXISTS audit_events_user_idx');
  await runner.query('RESET lock_timeout');
  for (const { name, index } of partitions) {
    await runner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${index}`);
    await runner.query(`CREATE INDEX CONCURRENTLY ${index} ON ${name} ${columns}`);
  }
  await runner.query(`SET lock_timeout = '5s'`);
  await runner.query(`CREATE INDEX audit_events_user_idx ON ONLY audit_events ${columns}`);
  for (const { index } of partitions) await runner.query(`ALTER INDEX audit_events_user_idx ATTACH PARTITION ${index}`);
  await runner.query('RESET lock_timeout');
}
