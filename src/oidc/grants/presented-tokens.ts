// Access tokens of ours as subject and actor tokens (RFC 8693 §2.1): what they say, and whether they are good right now, in both formats.
import type { JWK, Provider } from 'oidc-provider';
import type { Act } from '../../features/exchange/act.js';
import type { Presented } from '../../features/exchange/decision.js';
import type { Payload } from '../../features/protocol/handles.js';
import type { Protocol } from '../../features/protocol/protocol.js';
import { requestOf } from '../adapter.js';
import type { EngineContext } from '../engine-types.js';
import { accessTokenReader, factsOf } from '../jwt-tokens.js';

/** An access token that is good, and what it stands on. */
export interface OwnToken extends Presented {
  clientId: string;
  grantId: string | undefined;
  /** For which organization it is. */
  organization?: string | undefined;
  /** Where it ends with the session. */
  sessionUid: string | undefined;
  /** What it is bound to (RFC 9449 §6, RFC 8705 §3). */
  bound: { jkt?: string | undefined; 'x5t#S256'?: string | undefined };
}

/** The members of the engine's tokens that are read here. */
interface EngineToken {
  clientId?: string;
  accountId?: string;
  grantId?: string;
  sessionUid?: string;
  expiresWithSession?: boolean;
  aud?: string | string[];
  scope?: string;
  exp?: number;
  jkt?: string;
  'x5t#S256'?: string;
  extra?: Record<string, unknown>;
}

export type ReadToken = (ctx: EngineContext, value: string) => Promise<OwnToken | undefined>;

export function accessTokens(provider: Provider, protocol: Protocol, issuer: { url: string; jwks: JWK[] }): ReadToken {
  const verify = accessTokenReader(issuer);

  /** The engine looks at the time, the client, the account and the session of its rows; the grant is left. */
  const opaque: ReadToken = async (ctx, value) => {
    const found = (await provider.AccessToken.find(value)) ?? (await provider.ClientCredentials.find(value));
    if (!found) return undefined;
    const token = found as EngineToken;
    const grant = token.accountId === undefined ? undefined : await liveGrant(protocol, ctx, token.grantId);
    if (token.accountId !== undefined && !grant) return undefined;
    return {
      clientId: String(token.clientId),
      accountId: token.accountId,
      audience: audienceOf(token.aud),
      scopes: wordsOf(token.scope),
      exp: Number(token.exp),
      act: token.extra?.act as Act | undefined,
      grantId: token.grantId,
      organization: grant?.organizationId,
      sessionUid: token.expiresWithSession ? token.sessionUid : undefined,
      bound: { jkt: token.jkt, 'x5t#S256': token['x5t#S256'] },
    };
  };

  /** Whose it is says the grant: `sub` may be another one for each client. */
  const jwt: ReadToken = async (ctx, value) => {
    const token = await verify(value);
    if (!token || !(await protocol.denied.isGood(factsOf(token)))) return undefined;
    const grant = token.gid === undefined ? undefined : await liveGrant(protocol, ctx, token.gid);
    if (token.gid !== undefined && !grant) return undefined;
    return {
      clientId: token.client_id,
      accountId: grant?.accountId,
      audience: audienceOf(token.aud),
      scopes: wordsOf(token.scope),
      exp: token.exp,
      act: token.act as Act | undefined,
      grantId: token.gid,
      organization: grant?.organizationId,
      sessionUid: token.suid,
      bound: token.cnf ?? {},
    };
  };

  return (ctx, value) => (value.includes('.') ? jwt(ctx, value) : opaque(ctx, value));
}

async function liveGrant(
  protocol: Protocol,
  ctx: EngineContext,
  grantId: string | undefined,
): Promise<Payload | undefined> {
  const grant = grantId === undefined ? undefined : await protocol.grants.find(requestOf(ctx), grantId);
  return grant && Number(grant.exp) * 1000 > Date.now() ? grant : undefined;
}

const audienceOf = (aud: string | string[] | undefined) => (typeof aud === 'string' ? aud : undefined);

const wordsOf = (scope: string | undefined): ReadonlySet<string> => new Set((scope ?? '').split(' ').filter(Boolean));
