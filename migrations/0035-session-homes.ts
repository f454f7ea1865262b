import type { MigrationInterface, QueryRunner } from 'typeorm';

/** From where a session was signed in (one address, or one of each family), and the last other place it was shown at. Sessions from before have no home, and move nowhere. */
export class SessionHomes1700000000035 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(
      'ALTER TABLE sessions ADD COLUMN home_ip text, ADD COLUMN home_user_agent text, ADD COLUMN moved_to text',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE sessions DROP COLUMN home_ip, DROP COLUMN home_user_agent, DROP COLUMN moved_to');
  }
}
