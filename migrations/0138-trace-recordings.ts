import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Traces of sign-ins at identity providers, beside those of refused requests. */
export class TraceRecordings1700000000138 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      ALTER TABLE traces
        ADD COLUMN kind text NOT NULL DEFAULT 'refusal',
        ADD COLUMN outcome text NOT NULL DEFAULT 'refused',
        ADD COLUMN connection_id uuid,
        ADD COLUMN user_id uuid,
        ADD COLUMN recording_sealed text,
        ADD COLUMN expires_at timestamptz`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      ALTER TABLE traces DROP COLUMN kind, DROP COLUMN outcome, DROP COLUMN connection_id, DROP COLUMN user_id,
        DROP COLUMN recording_sealed, DROP COLUMN expires_at`);
  }
}
