import type { MigrationInterface, QueryRunner } from 'typeorm';

export class SecondFactors1700000000021 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE totp_credentials (
        tenant_id     uuid NOT NULL,
        user_id       uuid NOT NULL,
        secret_sealed text NOT NULL,
        last_step     bigint NOT NULL,
        created_at    timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, user_id),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query(`
      CREATE TABLE recovery_codes (
        tenant_id  uuid NOT NULL,
        user_id    uuid NOT NULL,
        code_hash  text NOT NULL,
        created_at timestamptz NOT NULL,
        used_at    timestamptz,
        PRIMARY KEY (tenant_id, user_id, code_hash),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE recovery_codes');
    await runner.query('DROP TABLE totp_credentials');
  }
}
