import type { MigrationInterface, QueryRunner } from 'typeorm';

/** API keys, as hashes: of a person, whose they end with, or of the tenant. While one is rotated the former one is good for a while. */
export class ApiKeys1700000000157 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE api_keys (
        tenant_id           uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id                  uuid NOT NULL,
        user_id             uuid,
        name                text NOT NULL,
        environment         text NOT NULL CONSTRAINT api_keys_environment_check CHECK (environment IN ('live', 'test')),
        prefix              text NOT NULL,
        hash                text NOT NULL,
        former_hash         text,
        former_until        timestamptz,
        scopes              text[] NOT NULL,
        resources           jsonb NOT NULL DEFAULT '[]',
        allowed_networks    text[] NOT NULL DEFAULT '{}',
        requests_per_minute integer,
        created_at          timestamptz NOT NULL,
        updated_at          timestamptz NOT NULL,
        rotated_at          timestamptz,
        last_used_at        timestamptz,
        expires_at          timestamptz,
        revoked_at          timestamptz,
        version             integer NOT NULL DEFAULT 1,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE UNIQUE INDEX api_keys_hash_key ON api_keys (tenant_id, hash)');
    await runner.query(
      'CREATE UNIQUE INDEX api_keys_former_hash_key ON api_keys (tenant_id, former_hash) WHERE former_hash IS NOT NULL',
    );
    await runner.query('CREATE INDEX api_keys_user_idx ON api_keys (tenant_id, user_id)');
    await runner.query('CREATE INDEX api_keys_expires_at_idx ON api_keys (expires_at)');
    await runner.query('CREATE INDEX api_keys_revoked_at_idx ON api_keys (revoked_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE api_keys');
  }
}
