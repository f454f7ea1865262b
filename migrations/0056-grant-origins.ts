import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How a grant came about, and which other one it stands on: what a program was given for somebody is no consent that a browser remembers, and ends
 * with what it was given for.
 */
export class GrantOrigins1700000000056 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(
      `ALTER TABLE grants ADD COLUMN origin text NOT NULL DEFAULT 'consent', ADD COLUMN parent_id text`,
    );
    // Not validated, which would read every row while nobody may write: those that are there have the default.
    await runner.query(
      `ALTER TABLE grants ADD CONSTRAINT grants_origin_check
         CHECK (origin IN ('consent', 'device', 'ciba', 'exchange', 'assertion')) NOT VALID`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE grants DROP COLUMN origin, DROP COLUMN parent_id');
  }
}
