import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Every role that somebody has becomes one of the tenant, and opens nothing, as before. users.roles stays what says who has which. */
export class RolesOfUsers1700000000152 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    // Nobody is given one between the two: writing waits for the trigger.
    await runner.query('LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE');
    await runner.query(`
      INSERT INTO roles (tenant_id, key, name, created_at, updated_at)
      SELECT DISTINCT tenant_id, given, given, now(), now() FROM users, unnest(roles) AS given
       WHERE given NOT IN ('ADMIN', 'USER', 'BILLING_ADMIN', 'SUPPORT')`);
    await runner.query(`
      INSERT INTO role_assignments (tenant_id, subject_type, subject_id, role)
      SELECT DISTINCT tenant_id, 'user', id::text, given FROM users, unnest(roles) AS given
       WHERE given NOT IN ('ADMIN', 'USER', 'BILLING_ADMIN', 'SUPPORT')`);
    await runner.query(`
      CREATE TRIGGER users_roles_made AFTER INSERT ON users FOR EACH ROW WHEN (NEW.roles <> '{}')
      EXECUTE FUNCTION role_assignments_keep('user', 'id')`);
    await runner.query(`
      CREATE TRIGGER users_roles_changed AFTER UPDATE OF roles ON users FOR EACH ROW WHEN (OLD.roles IS DISTINCT FROM NEW.roles)
      EXECUTE FUNCTION role_assignments_keep('user', 'id')`);
    await runner.query(`
      CREATE TRIGGER users_roles_gone AFTER DELETE ON users FOR EACH ROW WHEN (OLD.roles <> '{}')
      EXECUTE FUNCTION role_assignments_keep('user', 'id')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    for (const when of ['made', 'changed', 'gone']) await runner.query(`DROP TRIGGER users_roles_${when} ON users`);
    await runner.query(`DELETE FROM role_assignments WHERE subject_type = 'user'`);
  }
}
