import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys that sign with PS256 (RFC 7518 §3.5), and keys that others encrypt to (§4.3, §4.6). */
export class KeyAlgorithms1700000000062 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // Not validated here, which would read every row while nobody may write (0063).
    await runner.query(`
      ALTER TABLE signing_keys
        DROP CONSTRAINT signing_keys_alg_check,
        ADD CONSTRAINT signing_keys_alg_check
          CHECK (alg IN ('ES256', 'RS256', 'PS256', 'EdDSA', 'ECDH-ES+A256KW', 'RSA-OAEP-256')) NOT VALID`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`DELETE FROM signing_keys WHERE alg IN ('PS256', 'ECDH-ES+A256KW', 'RSA-OAEP-256')`);
    await runner.query(`
      ALTER TABLE signing_keys
        DROP CONSTRAINT signing_keys_alg_check,
        ADD CONSTRAINT signing_keys_alg_check CHECK (alg IN ('ES256', 'RS256', 'EdDSA'))`);
  }
}
