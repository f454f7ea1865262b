// Owns what identity providers say of sessions that have ended (OpenID Connect Back-Channel Logout 1.0 §2.5): whether it is believed, once.
// Hands off to: UpstreamSessions, which knows which sessions here rest on those over there.
import type { Check } from '../features/connections/check.js';
import type { Connection } from '../features/connections/connection.entity.js';
import type { UpstreamSessions } from '../features/connections/upstream-sessions.js';
import type { Replays } from '../features/protocol/replays.js';
import { type Clock, epochSeconds } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import type { Claims } from './id-token.js';
import { checksOfLogoutToken } from './logout-token.js';
import { Examination } from './refusal.js';
import type { SignedJwts } from './signed-jwt.js';
import type { UpstreamClients } from './upstream-clients.js';

/** Seconds: some say none, others an hour. */
const longest = 3600;

export class LogoutTokens {
  constructor(
    private readonly db: Database,
    private readonly clients: UpstreamClients,
    private readonly jwts: SignedJwts,
    private readonly replays: Pick<Replays, 'unique'>,
    private readonly sessions: Pick<UpstreamSessions, 'endedUpstream'>,
    private readonly clock: Clock,
  ) {}

  /** @throws Refused */
  async receive(connection: Connection, token: string): Promise<void> {
    const examination = new Examination();
    const { oidc } = connection.settings;
    const isTaken = oidc?.logout.back_channel === true;
    examination.pass({ check: 'logout_taken', passed: isTaken, setting: 'oidc.logout.back_channel' });
    const { upstream, secret } = await this.clients.reach(connection);
    const { endpoints, issuer = '', clientId, algorithms, tolerance } = upstream;
    const signer = { jwksUri: endpoints.jwks_uri, algorithms, secret };
    const { header, claims } = await this.jwts.verify('logout_token', token, signer, examination);
    const now = epochSeconds(this.clock.now());
    examination.pass(...checksOfLogoutToken(header, claims, { issuer, clientId, now, tolerance, longest }));
    // Spent with what it ends, or not at all.
    await this.db.transaction(async () => {
      examination.pass(await this.spent(connection, claims, now + 2 * longest));
      const { sub: subject, sid: session_index } = claims as { sub?: string; sid?: string };
      await this.sessions.endedUpstream(connection.id, { subject, session_index });
    });
  }

  /** §2.6 no. 7. */
  private async spent({ id }: Connection, { jti }: Claims, until: number): Promise<Check> {
    return { check: 'logout_token_replay', passed: await this.replays.unique(`logout ${id}`, String(jti), until) };
  }
}
