import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Everything the engine keeps: grants, sessions, handles, rows of single-use artefacts and tokens, replay detection, refusals. */
export class Protocol1700000000010 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);

    // A grant belongs to one session at one client; what was agreed to is remembered by looking at earlier grants (ended by signing out).
    await runner.query(`
      CREATE TABLE grants (
        tenant_id   uuid        NOT NULL REFERENCES tenants (id),
        id          text        NOT NULL,
        client_id   text        NOT NULL,
        account_id  uuid        NOT NULL,
        session_uid text,
        payload     jsonb       NOT NULL,
        created_at  timestamptz NOT NULL,
        expires_at  timestamptz NOT NULL,
        ended_at    timestamptz,
        end_reason  text,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query(
      `CREATE UNIQUE INDEX grants_session_client ON grants (tenant_id, session_uid, client_id) WHERE ended_at IS NULL AND session_uid IS NOT NULL`,
    );
    await runner.query(`CREATE INDEX grants_account ON grants (tenant_id, account_id, client_id, created_at DESC)`);
    await runner.query(`CREATE INDEX grants_expiry ON grants (expires_at)`);

    await runner.query(`
      CREATE TABLE sessions (
        tenant_id  uuid        NOT NULL REFERENCES tenants (id),
        uid        text        NOT NULL,
        account_id uuid,
        login_ts   bigint,
        payload    jsonb       NOT NULL,
        ip         text,
        user_agent text,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        ended_at   timestamptz,
        end_reason text,
        PRIMARY KEY (tenant_id, uid)
      )`);
    await runner.query(
      `CREATE INDEX sessions_account ON sessions (tenant_id, account_id, created_at DESC) WHERE account_id IS NOT NULL`,
    );
    await runner.query(`CREATE INDEX sessions_expiry ON sessions (expires_at)`);

    // The cookie value is a bearer secret: only its hash is here. Two tabs may rotate at once, so a session can have several live handles.
    await runner.query(`
      CREATE TABLE session_handles (
        tenant_id   uuid  NOT NULL,
        handle_hash bytea NOT NULL,
        session_uid text  NOT NULL,
        retire_at   timestamptz,
        PRIMARY KEY (tenant_id, handle_hash),
        FOREIGN KEY (tenant_id, session_uid) REFERENCES sessions (tenant_id, uid) ON DELETE CASCADE
      )`);
    await runner.query(
      `CREATE INDEX session_handles_retired ON session_handles (retire_at) WHERE retire_at IS NOT NULL`,
    );
    await runner.query(`CREATE INDEX session_handles_session ON session_handles (tenant_id, session_uid)`);

    await runner.query(`
      CREATE TABLE engine_rows (
        tenant_id      uuid        NOT NULL REFERENCES tenants (id),
        handle_hash    bytea       NOT NULL,
        kind           text        NOT NULL,
        client_id      text,
        account_id     uuid,
        grant_id       text,
        session_uid    text,
        payload        jsonb,
        sealed_payload text,
        consumed_at    timestamptz,
        sealed_answer  text,
        answer_until   timestamptz,
        expires_at     timestamptz,
        retain_until   timestamptz,
        PRIMARY KEY (tenant_id, handle_hash)
      )`);
    await runner.query(`CREATE INDEX engine_rows_retention ON engine_rows (retain_until)`);
    await runner.query(`CREATE INDEX engine_rows_answers ON engine_rows (answer_until) WHERE answer_until IS NOT NULL`);
    await runner.query(
      `CREATE INDEX engine_rows_grant ON engine_rows (tenant_id, grant_id) WHERE grant_id IS NOT NULL`,
    );

    await runner.query(`
      CREATE TABLE replays (
        tenant_id  uuid        NOT NULL REFERENCES tenants (id),
        id         text        NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query(`CREATE INDEX replays_expiry ON replays (expires_at)`);

    // Why a request was refused, so that it can be explained later.
    await runner.query(`
      CREATE TABLE traces (
        tenant_id   uuid        NOT NULL REFERENCES tenants (id),
        id          text        NOT NULL,
        client_id   text,
        endpoint    text        NOT NULL,
        error       text        NOT NULL,
        description text,
        steps       jsonb       NOT NULL,
        request_id  text,
        occurred_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query(`CREATE INDEX traces_expiry ON traces (occurred_at)`);
    await runner.query(`CREATE INDEX traces_time ON traces (tenant_id, occurred_at DESC)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['traces', 'replays', 'engine_rows', 'session_handles', 'sessions', 'grants']) {
      await runner.query(`DROP TABLE ${table}`);
    }
  }
}
