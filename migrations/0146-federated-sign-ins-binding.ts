import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a browser has begun and not gone on with goes when it begins anew. */
export class FederatedSignInsBinding1700000000146 implements MigrationInterface {
  // The table is written to while its index grows, which takes a statement of its own.
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Whatever is there was left half-made by a run that was interrupted.
    await runner.query('DROP INDEX CONCURRENTLY IF EXISTS federated_sign_ins_binding');
    await runner.query(
      `CREATE INDEX CONCURRENTLY federated_sign_ins_binding ON federated_sign_ins (tenant_id, binding_hash) WHERE state = 'begun'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP INDEX federated_sign_ins_binding');
  }
}
