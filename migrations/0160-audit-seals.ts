import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What proves the record: which events wait to be sealed, the chain of each tenant, and what was signed of it. No foreign key to events, which may be taken away. */
export class AuditSeals1700000000160 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE audit_unsealed (
        tenant_id uuid NOT NULL,
        event_id  uuid NOT NULL,
        PRIMARY KEY (tenant_id, event_id)
      ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`);
    await runner.query(`
      CREATE TABLE audit_chains (
        tenant_id             uuid PRIMARY KEY,
        last_sequence         bigint NOT NULL DEFAULT 0,
        hash                  bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
        checkpoint            bigint NOT NULL DEFAULT 0,
        checkpoint_hash       bytea,
        checkpoint_kid        text,
        checkpointed_sequence bigint NOT NULL DEFAULT 0,
        checkpointed_at       timestamptz,
        backlog_after         uuid,
        alerted_sequence      bigint NOT NULL DEFAULT 0
      )`);
    await runner.query('CREATE INDEX audit_chains_backlog ON audit_chains (tenant_id) WHERE backlog_after IS NOT NULL');
    await runner.query(`
      CREATE TABLE audit_seals (
        tenant_id   uuid NOT NULL,
        sequence    bigint NOT NULL,
        event_id    uuid NOT NULL,
        leaf        bytea NOT NULL,
        hash        bytea NOT NULL,
        commitments jsonb,
        salts       jsonb,
        PRIMARY KEY (tenant_id, sequence)
      ) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02)`);
    await runner.query('CREATE UNIQUE INDEX audit_seals_event_key ON audit_seals (tenant_id, event_id)');
    await runner.query(`
      CREATE TABLE audit_checkpoints (
        tenant_id      uuid NOT NULL,
        number         bigint NOT NULL,
        first_sequence bigint NOT NULL,
        last_sequence  bigint NOT NULL,
        jws            text NOT NULL,
        created_at     timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, number)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    for (const table of ['audit_checkpoints', 'audit_seals', 'audit_chains', 'audit_unsealed'])
      await runner.query(`DROP TABLE ${table}`);
  }
}
