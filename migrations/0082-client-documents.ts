import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Clients whose metadata is a document at their own address: until when what was read there holds. Null: registered here. */
export class ClientDocuments1700000000082 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE clients ADD COLUMN document_expires_at timestamptz');
    // What a stranger says of a client is never believed without asking people.
    await runner.query(
      `ALTER TABLE clients ADD CONSTRAINT clients_document_check CHECK (document_expires_at IS NULL OR dynamic)`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE clients DROP CONSTRAINT clients_document_check');
    await runner.query('ALTER TABLE clients DROP COLUMN document_expires_at');
  }
}
