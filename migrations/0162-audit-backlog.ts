import type { MigrationInterface, QueryRunner } from 'typeorm';

const batch = 10_000;

/** What was recorded before there were seals is sealed as it is found, in the order of its ids. */
export class AuditBacklog1700000000162 implements MigrationInterface {
  // A batch is a transaction: events are recorded, and sealed, meanwhile.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    for (let after: object = { tenant_id: nothing, id: nothing }; after; ) {
      const { tenant_id: tenantId, id } = after as { tenant_id: string; id: string };
      [after] = await runner.query(
        `WITH these AS MATERIALIZED (
           SELECT tenant_id, id FROM audit_events WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT ${batch}
         ), added AS (
           INSERT INTO audit_unsealed (tenant_id, event_id) SELECT tenant_id, id FROM these t
            WHERE NOT EXISTS (SELECT FROM audit_seals s WHERE s.tenant_id = t.tenant_id AND s.event_id = t.id)
           ON CONFLICT DO NOTHING)
         SELECT tenant_id, id FROM these ORDER BY tenant_id DESC, id DESC LIMIT 1`,
        [tenantId, id],
      );
    }
  }

  async down(): Promise<void> {
    // The tables go with the migration that made them.
  }
}

const nothing = '00000000-0000-0000-0000-000000000000';
