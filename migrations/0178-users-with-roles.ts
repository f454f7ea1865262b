import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Few people have a role, and are listed by it. */
export class UsersWithRoles1700000000178 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS users_with_roles');
    await runner.query(`CREATE INDEX CONCURRENTLY users_with_roles ON users (tenant_id, id) WHERE roles <> '{}'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX users_with_roles');
  }
}
