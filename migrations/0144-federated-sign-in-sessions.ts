import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which session of an identity provider a sign-in under way is of: one that ends over there ends it, whoever it names. */
export class FederatedSignInSessions1700000000144 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE federated_sign_ins ADD COLUMN session_hash text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE federated_sign_ins DROP COLUMN session_hash');
  }
}
