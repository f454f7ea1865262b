import type { MigrationInterface, QueryRunner } from 'typeorm';

// Beside the key that signs there is always one that is published and will; what is retired cannot sign any more.
export class SigningKeyLife1700000000012 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      ALTER TABLE signing_keys
        ALTER COLUMN private_jwk_sealed DROP NOT NULL,
        ADD COLUMN compromised_at timestamptz,
        ADD CONSTRAINT signing_keys_private_check CHECK ((private_jwk_sealed IS NULL) = (status = 'retired'))`);
    await runner.query(
      `CREATE UNIQUE INDEX signing_keys_next_key ON signing_keys (tenant_id, alg) WHERE status = 'next'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX signing_keys_next_key');
    await runner.query(`DELETE FROM signing_keys WHERE status = 'retired'`);
    await runner.query(`
      ALTER TABLE signing_keys
        DROP CONSTRAINT signing_keys_private_check,
        DROP COLUMN compromised_at,
        ALTER COLUMN private_jwk_sealed SET NOT NULL`);
  }
}
