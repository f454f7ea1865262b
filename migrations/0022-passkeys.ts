import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Passkeys1700000000022 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // What authenticators know a person by (WebAuthn §5.4.3): random, so that it says nothing outside the tenant.
    await runner.query(`
      CREATE TABLE passkey_users (
        tenant_id   uuid NOT NULL,
        user_id     uuid NOT NULL,
        user_handle text NOT NULL,
        PRIMARY KEY (tenant_id, user_id),
        UNIQUE (tenant_id, user_handle),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    // The credential record of WebAuthn §4.
    await runner.query(`
      CREATE TABLE passkeys (
        tenant_id       uuid NOT NULL,
        credential_id   text NOT NULL,
        user_id         uuid NOT NULL,
        public_key      bytea NOT NULL,
        sign_count      bigint NOT NULL,
        transports      text[] NOT NULL,
        aaguid          uuid NOT NULL,
        backup_eligible boolean NOT NULL,
        backed_up       boolean NOT NULL,
        uv_initialized  boolean NOT NULL,
        name            text NOT NULL,
        created_at      timestamptz NOT NULL,
        last_used_at    timestamptz,
        flagged_at      timestamptz,
        PRIMARY KEY (tenant_id, credential_id),
        FOREIGN KEY (tenant_id, user_id) REFERENCES passkey_users (tenant_id, user_id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX passkeys_user_idx ON passkeys (tenant_id, user_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE passkeys');
    await runner.query('DROP TABLE passkey_users');
  }
}
