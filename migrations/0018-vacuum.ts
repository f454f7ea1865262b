import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables that are rewritten all day: vacuum looks at them after one row in fifty, not after one in five, and does not pause on the way. */
const rewritten = [
  'engine_rows',
  'session_handles',
  'sessions',
  'grants',
  'replays',
  'denied_tokens',
  'login_failures',
];

/** Filled by inserts, emptied by nobody: vacuum only freezes, and the planner must know about today. */
const growing = ['audit_events'];

export class Vacuum1700000000018 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    for (const table of rewritten)
      await runner.query(`
        ALTER TABLE ${table} SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
          autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`);
    for (const table of growing)
      await runner.query(
        `ALTER TABLE ${table} SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02)`,
      );
    // Room on the page for last_login_at, so that a sign-in writes the row and none of its indexes.
    await runner.query('ALTER TABLE users SET (fillfactor = 90)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    for (const table of rewritten)
      await runner.query(`
        ALTER TABLE ${table} RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor,
          autovacuum_analyze_scale_factor, autovacuum_vacuum_cost_delay)`);
    for (const table of growing)
      await runner.query(
        `ALTER TABLE ${table} RESET (autovacuum_vacuum_insert_scale_factor, autovacuum_analyze_scale_factor)`,
      );
    await runner.query('ALTER TABLE users RESET (fillfactor)');
  }
}
