import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whatever ends tokens is published with it, by whichever verb and whichever version of the server it ends: none is forgotten, and none costs the
 * requests that end something a statement. Tokens for resources are the only JWTs, so a tenant without resources has nothing to publish. No token
 * lives longer than a day; the hour is for clocks that differ. What belongs to a tenant that is being deleted has no readers.
 */
export class PublishedEndings1700000000071 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      CREATE FUNCTION publish_token_ending(tenant uuid, kind text, value text, ended_at timestamptz) RETURNS void LANGUAGE sql AS $$
        INSERT INTO token_endings (tenant_id, kind, value, ended_at, expires_at)
        SELECT t.id, $2, $3, $4, $4 + interval '25 hours' FROM tenants t
         WHERE t.id = $1 AND t.deleting_at IS NULL AND EXISTS (SELECT FROM resources r WHERE r.tenant_id = t.id)
      $$`);
    // Sessions before grants, and grants before clients, as whoever ends them holds them: nobody waits in a circle.
    // Only of a grant that outlives the session some tokens end with it; all others end with their grant.
    await runner.query(`
      CREATE FUNCTION publish_ended_session() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF EXISTS (SELECT FROM grants WHERE tenant_id = NEW.tenant_id AND session_uid = NEW.uid AND ended_at IS NULL) THEN
            PERFORM publish_token_ending(NEW.tenant_id, 'suid', NEW.uid, NEW.ended_at);
          END IF;
          RETURN NULL;
        END
      $$`);
    await runner.query(`
      CREATE TRIGGER sessions_ending AFTER UPDATE OF ended_at ON sessions FOR EACH ROW
        WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION publish_ended_session()`);
    await runner.query(`
      CREATE FUNCTION publish_ended_grant() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          PERFORM publish_token_ending(NEW.tenant_id, 'gid', NEW.id, NEW.ended_at);
          RETURN NULL;
        END
      $$`);
    await runner.query(`
      CREATE TRIGGER grants_ending AFTER UPDATE OF ended_at ON grants FOR EACH ROW
        WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION publish_ended_grant()`);
    await runner.query(`
      CREATE FUNCTION publish_ended_client() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'DELETE' THEN
            PERFORM publish_token_ending(OLD.tenant_id, 'client_id', OLD.client_id, now());
          ELSE
            PERFORM publish_token_ending(NEW.tenant_id, 'client_id', NEW.client_id, NEW.disabled_at);
          END IF;
          RETURN NULL;
        END
      $$`);
    await runner.query(`
      CREATE TRIGGER clients_ending AFTER UPDATE OF disabled_at ON clients FOR EACH ROW
        WHEN (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL) EXECUTE FUNCTION publish_ended_client()`);
    await runner.query(`
      CREATE TRIGGER clients_deletion AFTER DELETE ON clients FOR EACH ROW EXECUTE FUNCTION publish_ended_client()`);
    await runner.query(`
      CREATE FUNCTION publish_denied_token() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO token_endings (tenant_id, kind, value, audience, ended_at, expires_at)
          VALUES (NEW.tenant_id, 'jti', NEW.jti, NEW.audience, now(), NEW.expires_at);
          RETURN NULL;
        END
      $$`);
    await runner.query(`
      CREATE TRIGGER denied_tokens_ending AFTER INSERT ON denied_tokens FOR EACH ROW EXECUTE FUNCTION publish_denied_token()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query('DROP TRIGGER denied_tokens_ending ON denied_tokens');
    await runner.query('DROP TRIGGER clients_deletion ON clients');
    await runner.query('DROP TRIGGER clients_ending ON clients');
    await runner.query('DROP TRIGGER sessions_ending ON sessions');
    await runner.query('DROP TRIGGER grants_ending ON grants');
    await runner.query(
      'DROP FUNCTION publish_denied_token(), publish_ended_client(), publish_ended_session(), publish_ended_grant()',
    );
    await runner.query('DROP FUNCTION publish_token_ending(uuid, text, text, timestamptz)');
  }
}
