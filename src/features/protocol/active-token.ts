// Whether an opaque access token is good right now: what introspection would say (RFC 7662 §2.2), for doors of ours that take tokens.
import type { Clock } from '../../platform/clock.js';
import type { Protocol } from './protocol.js';
import { ProtocolRequest } from './request.js';

export interface ActiveToken {
  clientId: string;
  /** Absent where no person takes part (client credentials). */
  accountId: string | undefined;
  scopes: ReadonlySet<string>;
}

/** Kinds that are access tokens. */
const kinds = ['AccessToken', 'ClientCredentials'];

/**
 * One statement. A token bound to a key is refused: holding it proves nothing (RFC 9449 §7.2).
 * @param audience the resource that asks; a token for another is not for it (RFC 8707 §2).
 */
export async function findActiveToken(
  protocol: Protocol,
  clock: Clock,
  handle: string,
  audience: string,
): Promise<ActiveToken | undefined> {
  const request = new ProtocolRequest();
  const [access, machine] = await Promise.all(kinds.map((kind) => protocol.rows.find(request, kind, handle, kinds)));
  const token = access ?? machine;
  if (!token?.clientId || token.aud !== audience) return undefined;
  if (typeof token.exp !== 'number' || token.exp * 1000 <= clock.now().getTime()) return undefined;
  if (token.jkt || token['x5t#S256']) return undefined;
  if (access) {
    const grant = token.grantId ? await protocol.grants.find(request, token.grantId) : undefined;
    if (!grant || (grant.exp ?? 0) * 1000 <= clock.now().getTime()) return undefined;
    if (token.expiresWithSession && !(await protocol.sessions.findByUid(request, String(token.sessionUid))))
      return undefined;
  }
  return {
    clientId: token.clientId,
    accountId: token.accountId,
    scopes: new Set(
      String(token.scope ?? '')
        .split(' ')
        .filter(Boolean),
    ),
  };
}
