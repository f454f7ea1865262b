import type { MigrationInterface, QueryRunner } from 'typeorm';

// What a relying party has to be told of a session that ended (OpenID Connect Back-Channel Logout 1.0). Without a foreign key to the client: whoever
// ends a session waits for nobody who changes a client; nor to the user, who may be gone before everybody was told.
export class LogoutNotices1700000000047 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE logout_notices (
        tenant_id    uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id           uuid NOT NULL,
        client_id    text NOT NULL,
        session_uid  text NOT NULL,
        sid          text NOT NULL,
        account_id   uuid NOT NULL,
        status       text NOT NULL DEFAULT 'queued'
          CONSTRAINT logout_notices_status_check CHECK (status IN ('queued', 'delivered', 'failed')),
        attempts     integer NOT NULL DEFAULT 0,
        last_error   text,
        created_at   timestamptz NOT NULL,
        delivered_at timestamptz,
        PRIMARY KEY (tenant_id, id)
      )`);
    // A sid is of one sign-in at one client: however many end it at a time, that is told once.
    await runner.query('CREATE UNIQUE INDEX logout_notices_sid_key ON logout_notices (tenant_id, client_id, sid)');
    await runner.query('CREATE INDEX logout_notices_created_at_idx ON logout_notices (created_at)');
    await runner.query(
      `CREATE INDEX logout_notices_failed_idx ON logout_notices (tenant_id, id) WHERE status = 'failed'`,
    );
    await runner.query(`CREATE INDEX logout_notices_open_idx ON logout_notices (status) WHERE status <> 'delivered'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE logout_notices');
  }
}
