import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sign-ins that are under way at an identity provider: of every value that a browser carries only the hash. */
export class FederatedSignIns1700000000135 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE federated_sign_ins (
        tenant_id     uuid NOT NULL,
        id            uuid NOT NULL,
        connection_id uuid NOT NULL,
        purpose       text NOT NULL CONSTRAINT federated_sign_ins_purpose_check
                        CHECK (purpose IN ('sign_in', 'link', 'test', 'idp_initiated')),
        state         text NOT NULL CONSTRAINT federated_sign_ins_state_check
                        CHECK (state IN ('begun', 'started', 'sent', 'answered', 'held', 'redeemed', 'done')),
        handle_hash   text,
        state_hash    text,
        binding_hash  text NOT NULL,
        subject_hash  text,
        sealed        text,
        trace_id      text NOT NULL,
        created_at    timestamptz NOT NULL,
        expires_at    timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT federated_sign_ins_handle_key UNIQUE (tenant_id, handle_hash),
        CONSTRAINT federated_sign_ins_state_key UNIQUE (tenant_id, state_hash),
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX federated_sign_ins_expiry ON federated_sign_ins (expires_at)');
    await runner.query(
      'CREATE INDEX federated_sign_ins_connection ON federated_sign_ins (tenant_id, connection_id, subject_hash)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE federated_sign_ins');
  }
}
