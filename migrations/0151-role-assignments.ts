import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Who has a role stands in their own row, where every request reads it; this is the foreign key that an array cannot have, and who is found by a role. The
 * database alone writes it, by a trigger of each table whose rows have roles: `role_assignments_keep(subject_type, column of its id)`.
 */
export class RoleAssignments1700000000151 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE TABLE role_assignments (
        tenant_id    uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        subject_type text NOT NULL
          CONSTRAINT role_assignments_subject_type_check CHECK (subject_type IN ('user', 'client', 'api_key')),
        subject_id   text NOT NULL,
        role         text NOT NULL,
        PRIMARY KEY (tenant_id, subject_type, subject_id, role),
        CONSTRAINT role_assignments_role_fkey FOREIGN KEY (tenant_id, role) REFERENCES roles (tenant_id, key)
      )`);
    await runner.query('CREATE INDEX role_assignments_role_idx ON role_assignments (tenant_id, role)');
    // Those that every tenant has cannot be deleted, and need no key.
    await runner.query(`
      CREATE FUNCTION role_assignments_keep() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        was text := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) ->> TG_ARGV[1] END;
        now text := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) ->> TG_ARGV[1] END;
      BEGIN
        IF TG_OP <> 'INSERT' THEN
          DELETE FROM role_assignments
           WHERE tenant_id = OLD.tenant_id AND subject_type = TG_ARGV[0] AND subject_id = was
             AND (TG_OP = 'DELETE' OR role <> ALL (NEW.roles));
        END IF;
        IF TG_OP <> 'DELETE' THEN
          INSERT INTO role_assignments (tenant_id, subject_type, subject_id, role)
          SELECT NEW.tenant_id, TG_ARGV[0], now, given
            FROM unnest(NEW.roles) AS given
           WHERE given NOT IN ('ADMIN', 'USER', 'BILLING_ADMIN', 'SUPPORT')
          ON CONFLICT DO NOTHING;
        END IF;
        RETURN NULL;
      END $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TABLE role_assignments');
    await runner.query('DROP FUNCTION role_assignments_keep');
  }
}
