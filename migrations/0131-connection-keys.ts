import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Our own key pairs, one set for each SAML connection: of each status one at most. */
export class ConnectionKeys1700000000131 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE connection_keys (
        tenant_id          uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        id                 uuid NOT NULL,
        connection_id      uuid NOT NULL,
        status             text NOT NULL CONSTRAINT connection_keys_status_check CHECK (status IN ('next', 'current', 'previous')),
        certificate        text NOT NULL,
        private_key_sealed text NOT NULL,
        created_at         timestamptz NOT NULL,
        status_since       timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT connection_keys_status_key UNIQUE (tenant_id, connection_id, status),
        FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id) ON DELETE CASCADE
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE connection_keys');
  }
}
