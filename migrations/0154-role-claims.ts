import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether access tokens for a resource say the roles and permissions that count there. */
export class RoleClaims1700000000154 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE resources ADD COLUMN role_claims boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE resources DROP COLUMN role_claims');
  }
}
