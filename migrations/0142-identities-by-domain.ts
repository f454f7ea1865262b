import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whose account an identity is because its organization speaks for the domain of the address, and by nothing else: as long as it does. */
export class IdentitiesByDomain1700000000142 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE identities ADD COLUMN by_domain boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE identities DROP COLUMN by_domain');
  }
}
