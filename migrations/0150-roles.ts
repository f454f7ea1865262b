import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Roles beside those that every tenant has, which have no row: what they open stands in the program. */
export class Roles1700000000150 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE roles (
        tenant_id            uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        key                  text NOT NULL
          CONSTRAINT roles_key_check CHECK (key ~ '^[A-Za-z][A-Za-z0-9_:.-]{0,63}$' AND key NOT IN ('ADMIN', 'USER', 'BILLING_ADMIN', 'SUPPORT')),
        name                 text NOT NULL,
        description          text,
        permissions          text[] NOT NULL DEFAULT '{}',
        resource_permissions jsonb NOT NULL DEFAULT '[]'
          CONSTRAINT roles_resource_permissions_check CHECK (jsonb_typeof(resource_permissions) = 'array'),
        version              integer NOT NULL DEFAULT 1,
        created_at           timestamptz NOT NULL,
        updated_at           timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, key)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE roles');
  }
}
