import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Long work that somebody has asked for: how far it is, and for whom it is done. */
export class Jobs1700000000180 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE jobs (
        tenant_id    uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id           uuid NOT NULL,
        kind         text NOT NULL,
        status       text NOT NULL
          CONSTRAINT jobs_status_check CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
        params       jsonb NOT NULL,
        actor_type   text NOT NULL,
        actor_id     text NOT NULL,
        actor_scopes text[] NOT NULL,
        api_key_id   uuid,
        done         integer NOT NULL DEFAULT 0,
        total        integer,
        counts       jsonb NOT NULL DEFAULT '{}',
        cursor       jsonb,
        error        text,
        turn         uuid,
        due_at       timestamptz NOT NULL,
        fruitless    integer NOT NULL DEFAULT 0,
        chunks       integer NOT NULL DEFAULT 0,
        bytes        integer NOT NULL DEFAULT 0,
        revision     integer NOT NULL DEFAULT 1,
        created_at   timestamptz NOT NULL,
        started_at   timestamptz,
        updated_at   timestamptz NOT NULL,
        ended_at     timestamptz,
        expires_at   timestamptz,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query(
      `CREATE INDEX jobs_open_idx ON jobs (tenant_id, kind, id) WHERE status IN ('queued', 'running')`,
    );
    await runner.query('CREATE INDEX jobs_expires_at_idx ON jobs (expires_at) WHERE expires_at IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE jobs');
  }
}
