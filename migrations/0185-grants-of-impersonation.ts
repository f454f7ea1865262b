import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an administrator was given to act for a person stands on a grant that nobody has agreed to. */
export class GrantsOfImpersonation1700000000185 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // Not validated here, which would read every row while nobody may write (0186).
    await runner.query(`
      ALTER TABLE grants
        DROP CONSTRAINT grants_origin_check,
        ADD CONSTRAINT grants_origin_check
          CHECK (origin IN ('consent', 'device', 'ciba', 'exchange', 'assertion', 'impersonation')) NOT VALID`);
  }

  /** What was given lives for minutes. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`DELETE FROM grants WHERE origin = 'impersonation'`);
    await runner.query(`
      ALTER TABLE grants
        DROP CONSTRAINT grants_origin_check,
        ADD CONSTRAINT grants_origin_check
          CHECK (origin IN ('consent', 'device', 'ciba', 'exchange', 'assertion')) NOT VALID`);
  }
}
