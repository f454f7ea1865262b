import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What applications ask people for behind the scenes (OpenID Connect CIBA): who is asked by whom, in which words, and what became of it. What the
 * application polls for is a row of the engine, found by its hash.
 */
export class BackchannelRequests1700000000066 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE backchannel_requests (
        tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id              uuid NOT NULL,
        request_hash    bytea NOT NULL,
        user_id         uuid NOT NULL,
        client_id       text NOT NULL,
        binding_message text,
        scope           text NOT NULL,
        resource        text,
        acr_values      text,
        created_at      timestamptz NOT NULL,
        expires_at      timestamptz NOT NULL,
        decided_at      timestamptz,
        decision        text CONSTRAINT backchannel_requests_decision_check CHECK (decision IN ('approved', 'denied')),
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, client_id) ON DELETE CASCADE
      )`);
    await runner.query(
      'CREATE INDEX backchannel_requests_user_idx ON backchannel_requests (tenant_id, user_id, created_at)',
    );
    await runner.query('CREATE INDEX backchannel_requests_client_idx ON backchannel_requests (tenant_id, client_id)');
    await runner.query('CREATE INDEX backchannel_requests_expires_at_idx ON backchannel_requests (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE backchannel_requests');
  }
}
