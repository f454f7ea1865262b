import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which claims an application asks for one by one (OpenID Connect Core §5.5): people are told of them, and agree to these and no others. */
export class BackchannelClaims1700000000092 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`ALTER TABLE backchannel_requests ADD COLUMN claims text[] NOT NULL DEFAULT '{}'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE backchannel_requests DROP COLUMN claims');
  }
}
