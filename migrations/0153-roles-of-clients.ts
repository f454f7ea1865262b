import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Roles of clients, which their tokens say at resources. */
export class RolesOfClients1700000000153 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`ALTER TABLE clients ADD COLUMN roles text[] NOT NULL DEFAULT '{}'`);
    await runner.query(`
      CREATE TRIGGER clients_roles_made AFTER INSERT ON clients FOR EACH ROW WHEN (NEW.roles <> '{}')
      EXECUTE FUNCTION role_assignments_keep('client', 'client_id')`);
    await runner.query(`
      CREATE TRIGGER clients_roles_changed AFTER UPDATE OF roles ON clients FOR EACH ROW WHEN (OLD.roles IS DISTINCT FROM NEW.roles)
      EXECUTE FUNCTION role_assignments_keep('client', 'client_id')`);
    await runner.query(`
      CREATE TRIGGER clients_roles_gone AFTER DELETE ON clients FOR EACH ROW WHEN (OLD.roles <> '{}')
      EXECUTE FUNCTION role_assignments_keep('client', 'client_id')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    for (const when of ['made', 'changed', 'gone']) await runner.query(`DROP TRIGGER clients_roles_${when} ON clients`);
    await runner.query('ALTER TABLE clients DROP COLUMN roles');
    await runner.query(`DELETE FROM role_assignments WHERE subject_type = 'client'`);
  }
}
