import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Every list reads its rows in the order of an index that begins with the tenant, whatever it is filtered by. */
export class Lists1700000000017 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // In the C collation one index answers equality, "begins with" and the order of what begins with it. The table is not rewritten.
    await runner.query('DROP INDEX users_email_key');
    await runner.query('ALTER TABLE users ALTER COLUMN email_normalized TYPE text COLLATE "C"');
    await runner.query('CREATE UNIQUE INDEX users_email_key ON users (tenant_id, email_normalized)');
    // Whether somebody else administers the tenant is asked before an administrator goes.
    await runner.query(`CREATE INDEX users_administrators ON users (tenant_id) WHERE 'ADMIN' = ANY (roles)`);

    await runner.query('CREATE INDEX clients_name ON clients (tenant_id, (lower(name) COLLATE "C"), client_id)');

    await runner.query(
      'CREATE INDEX sessions_live ON sessions (tenant_id, created_at, uid) WHERE account_id IS NOT NULL AND ended_at IS NULL',
    );
    await runner.query('CREATE INDEX grants_live ON grants (tenant_id, created_at, id) WHERE ended_at IS NULL');
    await runner.query(
      'CREATE INDEX grants_live_client ON grants (tenant_id, client_id, created_at, id) WHERE ended_at IS NULL',
    );

    // The id of an event begins with its time (RFC 9562 §5.7).
    await runner.query('DROP INDEX audit_events_occurred_at_idx');
    // Tokens are read with their grant, never found by it: an index that every token paid for and nobody used.
    await runner.query('DROP INDEX engine_rows_grant');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(
      'CREATE INDEX engine_rows_grant ON engine_rows (tenant_id, grant_id) WHERE grant_id IS NOT NULL',
    );
    await runner.query('CREATE INDEX audit_events_occurred_at_idx ON audit_events (tenant_id, occurred_at)');
    for (const index of ['grants_live_client', 'grants_live', 'sessions_live', 'clients_name', 'users_administrators'])
      await runner.query(`DROP INDEX ${index}`);
    await runner.query('DROP INDEX users_email_key');
    await runner.query('ALTER TABLE users ALTER COLUMN email_normalized TYPE text');
    await runner.query('CREATE UNIQUE INDEX users_email_key ON users (tenant_id, email_normalized text_pattern_ops)');
  }
}
