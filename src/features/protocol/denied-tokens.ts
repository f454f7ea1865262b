// JWT access tokens have no row: what they stand on is looked up, and what was revoked is remembered until it expires.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';

/** What a verified JWT says about itself. */
export interface JwtFacts {
  jti: string;
  clientId: string;
  /** Absent where no person takes part. */
  grantId: string | undefined;
  /** Present where the token ends with the session it was given in. */
  sessionUid: string | undefined;
  /** Of a client that acts for itself: for which organization. What a person was given ends with its grant. */
  organizationId?: string | undefined;
}

const status: Statement = {
  name: 'protocol_jwt_status',
  text: `SELECT NOT EXISTS (SELECT 1 FROM denied_tokens WHERE tenant_id = $1 AND jti = $2)
            AND EXISTS (SELECT 1 FROM clients WHERE tenant_id = $1 AND client_id = $3 AND disabled_at IS NULL)
            AND ($4::text IS NULL OR EXISTS (
                  SELECT 1 FROM grants g JOIN users u ON u.tenant_id = g.tenant_id AND u.id = g.account_id AND u.disabled_at IS NULL AND u.deletion_at IS NULL
                   WHERE g.tenant_id = $1 AND g.id = $4 AND g.client_id = $3 AND g.ended_at IS NULL AND g.expires_at > $6))
            AND ($5::text IS NULL OR EXISTS (
                  SELECT 1 FROM sessions WHERE tenant_id = $1 AND uid = $5 AND ended_at IS NULL AND expires_at > $6))
            AND ($7::uuid IS NULL OR EXISTS (
                  SELECT 1 FROM organizations WHERE tenant_id = $1 AND id = $7 AND suspended_at IS NULL)) AS good`,
};

const deny: Statement = {
  name: 'protocol_jwt_deny',
  text: 'INSERT INTO denied_tokens (tenant_id, jti, expires_at, audience) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
};

export class DeniedTokens {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** Whether a token with a good signature and time is still good: not revoked, and its client, grant, session, account and organization live. */
  async isGood({ jti, clientId, grantId, sessionUid, organizationId }: JwtFacts): Promise<boolean> {
    const [row] = await this.db.execute<{ good: boolean }>(status, [
      currentTenantId(),
      jti,
      clientId,
      grantId ?? null,
      sessionUid ?? null,
      this.clock.now(),
      organizationId ?? null,
    ]);
    return row?.good ?? false;
  }

  /**
   * @param exp NumericDate after which nobody would accept it anyway.
   * @param audience the resource server that is told (features/token-status).
   */
  async deny(jti: string, exp: number, audience: string | undefined): Promise<void> {
    await this.db.execute(deny, [currentTenantId(), jti, new Date(exp * 1000), audience ?? null]);
  }
}
