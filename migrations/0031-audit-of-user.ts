import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What happened to one person, newest first: they are shown it on their own pages. */
export class AuditOfUser1700000000031 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(
      `CREATE INDEX audit_events_user_idx ON audit_events (tenant_id, (data ->> 'user_id'), id) WHERE data ->> 'user_id' IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX audit_events_user_idx');
  }
}
