import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which clients are a resource server (RFC 7662 §2.1). */
export class IntrospectionClients1700000000072 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`ALTER TABLE resources ADD COLUMN introspection_clients jsonb NOT NULL DEFAULT '[]'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('ALTER TABLE resources DROP COLUMN introspection_clients');
  }
}
