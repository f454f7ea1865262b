import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a grant without a session stands on beside its parent: a token that ends with a session may be exchanged for one of another client, whose
 * grant then ends with that session too, although it was not given in it. Likewise what is given on the word of a trusted issuer.
 */
export class GrantsStandOn1700000000078 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE grants ADD COLUMN stands_on text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE grants DROP COLUMN stands_on');
  }
}
