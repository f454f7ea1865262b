import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a resource takes besides scopes (RFC 9396), says of itself (RFC 9728), and whether clients nobody has registered may ask for it. */
export class ResourceDetails1700000000085 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(
      `ALTER TABLE resources
         ADD COLUMN authorization_details_types jsonb NOT NULL DEFAULT '[]',
         ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}',
         ADD COLUMN dynamic_clients boolean NOT NULL DEFAULT false`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(
      'ALTER TABLE resources DROP COLUMN authorization_details_types, DROP COLUMN metadata, DROP COLUMN dynamic_clients',
    );
  }
}
