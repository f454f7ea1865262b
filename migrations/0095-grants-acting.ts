import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Of a token that was exchanged for a person who acts for another (RFC 8693 §4.1): the grant, and where it ends with it the session, that the actor
 * token stood on. What is done through somebody ends with what they may do themselves.
 */
export class GrantsActing1700000000095 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE grants ADD COLUMN acting_grant_id text, ADD COLUMN acting_session_uid text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE grants DROP COLUMN acting_grant_id, DROP COLUMN acting_session_uid');
  }
}
