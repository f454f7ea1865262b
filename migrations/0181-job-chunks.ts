import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a job was given and what it has written, piece by piece. */
export class JobChunks1700000000181 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE job_chunks (
        tenant_id   uuid NOT NULL,
        job_id      uuid NOT NULL,
        part        text NOT NULL CONSTRAINT job_chunks_part_check CHECK (part IN ('input', 'result')),
        position    integer NOT NULL,
        text_sealed text NOT NULL,
        PRIMARY KEY (tenant_id, job_id, part, position),
        FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id) ON DELETE CASCADE
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE job_chunks');
  }
}
