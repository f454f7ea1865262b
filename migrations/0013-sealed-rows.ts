import type { MigrationInterface, QueryRunner } from 'typeorm';

// Few rows of these large tables hold a sealed value: they are found by indexes of their own when an encryption key is taken out of use.
export class SealedRows1700000000013 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(
      `CREATE INDEX engine_rows_sealed ON engine_rows (tenant_id, handle_hash) WHERE sealed_payload IS NOT NULL`,
    );
    await runner.query(`CREATE INDEX sessions_sealed ON sessions (tenant_id, uid) WHERE payload ? 'state'`);
    await runner.query(
      `CREATE INDEX mail_messages_payload_sealed ON mail_messages (tenant_id, id) WHERE payload_sealed IS NOT NULL`,
    );
    await runner.query(
      `CREATE INDEX mail_messages_rendered_sealed ON mail_messages (tenant_id, id) WHERE rendered_sealed IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    for (const name of [
      'engine_rows_sealed',
      'sessions_sealed',
      'mail_messages_payload_sealed',
      'mail_messages_rendered_sealed',
    ])
      await runner.query(`DROP INDEX ${name}`);
  }
}
