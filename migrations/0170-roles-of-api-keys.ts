import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Roles of API keys: what they open is added to what a key was given by itself. */
export class RolesOfApiKeys1700000000170 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`ALTER TABLE api_keys ADD COLUMN roles text[] NOT NULL DEFAULT '{}'`);
    await runner.query(`
      CREATE TRIGGER api_keys_roles_made AFTER INSERT ON api_keys FOR EACH ROW WHEN (NEW.roles <> '{}')
      EXECUTE FUNCTION role_assignments_keep('api_key', 'id')`);
    await runner.query(`
      CREATE TRIGGER api_keys_roles_changed AFTER UPDATE OF roles ON api_keys FOR EACH ROW WHEN (OLD.roles IS DISTINCT FROM NEW.roles)
      EXECUTE FUNCTION role_assignments_keep('api_key', 'id')`);
    await runner.query(`
      CREATE TRIGGER api_keys_roles_gone AFTER DELETE ON api_keys FOR EACH ROW WHEN (OLD.roles <> '{}')
      EXECUTE FUNCTION role_assignments_keep('api_key', 'id')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    for (const when of ['made', 'changed', 'gone'])
      await runner.query(`DROP TRIGGER api_keys_roles_${when} ON api_keys`);
    await runner.query('ALTER TABLE api_keys DROP COLUMN roles');
    await runner.query(`DELETE FROM role_assignments WHERE subject_type = 'api_key'`);
  }
}
