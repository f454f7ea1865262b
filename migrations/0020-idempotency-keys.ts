import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Answers kept for a day, so that a repeated POST is answered and not done again. */
export class IdempotencyKeys1700000000020 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE idempotency_keys (
        tenant_id uuid NOT NULL,
        actor text NOT NULL,
        key_hash text NOT NULL,
        -- Null only inside the transaction that is doing the work.
        sealed_answer text,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, actor, key_hash)
      )
    `);
    await runner.query('CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE idempotency_keys');
  }
}
