import type { MigrationInterface, QueryRunner } from 'typeorm';

export class SigningKeys1700000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE signing_keys (
        tenant_id          uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        kid                text NOT NULL,
        alg                text NOT NULL CONSTRAINT signing_keys_alg_check CHECK (alg IN ('ES256', 'RS256', 'EdDSA')),
        status             text NOT NULL
          CONSTRAINT signing_keys_status_check CHECK (status IN ('next', 'current', 'previous', 'retired')),
        public_jwk         jsonb NOT NULL,
        private_jwk_sealed text NOT NULL,
        created_at         timestamptz NOT NULL,
        status_since       timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, kid)
      )`);
    // One key signs at a time: the last word when two processes make the first keys at once.
    await runner.query(
      `CREATE UNIQUE INDEX signing_keys_current_key ON signing_keys (tenant_id, alg) WHERE status = 'current'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE signing_keys');
  }
}
