import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a client that registered itself may ask for goes by what it was registered under alone (RFC 7592 §2.2). What an administrator gave one beyond that is
 * only in its registration as yet: that becomes the most it may ask for, as when it is given today.
 */
export class RegisteredCeilings1700000000102 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL lock_timeout = '5s'`);
    await runner.query(`
      UPDATE clients SET registration_policy = COALESCE(registration_policy, '{}')
        || jsonb_build_object('scopes', to_jsonb(string_to_array(metadata ->> 'scope', ' ')))
      WHERE dynamic AND document_expires_at IS NULL AND metadata ? 'scope'
        AND NOT to_jsonb(string_to_array(metadata ->> 'scope', ' ')) <@ COALESCE(registration_policy -> 'scopes',
          '["openid", "profile", "email", "address", "phone", "offline_access"]')`);
  }

  /** What was written is a policy like any other. */
  async down(): Promise<void> {}
}
