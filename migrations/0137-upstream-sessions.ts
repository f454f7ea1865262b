import type { MigrationInterface, QueryRunner } from 'typeorm';

/** On which sessions of identity providers our sessions stand: the end of one over there ends those here. */
export class UpstreamSessions1700000000137 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE upstream_sessions (
        tenant_id      uuid NOT NULL,
        id             uuid NOT NULL,
        session_uid    text NOT NULL,
        connection_id  uuid NOT NULL,
        user_id        uuid NOT NULL,
        subject        text NOT NULL,
        session_index  text,
        name_id_sealed text,
        ends_at        timestamptz,
        created_at     timestamptz NOT NULL,
        expires_at     timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id) ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
      )`);
    await runner.query(
      'CREATE INDEX upstream_sessions_subject ON upstream_sessions (tenant_id, connection_id, subject)',
    );
    await runner.query('CREATE INDEX upstream_sessions_session ON upstream_sessions (tenant_id, session_uid)');
    await runner.query('CREATE INDEX upstream_sessions_user ON upstream_sessions (tenant_id, user_id)');
    await runner.query('CREATE INDEX upstream_sessions_ends ON upstream_sessions (ends_at) WHERE ends_at IS NOT NULL');
    await runner.query('CREATE INDEX upstream_sessions_expiry ON upstream_sessions (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE upstream_sessions');
  }
}
