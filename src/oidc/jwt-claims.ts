// What JWT access tokens (RFC 9068) say beside what the engine says.
import type { EngineContext } from './engine-types.js';

interface AccessToken {
  resourceServer?: { accessTokenFormat?: string };
  grantId?: string;
  expiresWithSession?: boolean;
  sessionUid?: string;
}

const isJwt = ({ resourceServer }: AccessToken): boolean => resourceServer?.accessTokenFormat === 'jwt';

/** The grant they stand on, and the session where they end with it, so that they can be introspected and revoked. */
export function standsOn(token: AccessToken): { gid: unknown; suid?: unknown } | undefined {
  const { grantId, expiresWithSession, sessionUid } = token;
  if (!isJwt(token) || grantId === undefined) return undefined;
  return { gid: grantId, ...(expiresWithSession ? { suid: sessionUid } : {}) };
}

/** What holds it from the authorization response on. */
interface Source {
  authTime?: number;
  acr?: string;
  amr?: string[];
}

/** RFC 9068 §2.2.1: when and how the person signed in, as it was when the client was authorized; a refresh changes nothing of it. */
export function authenticationOf(
  { oidc }: Pick<EngineContext, 'oidc'>,
  token: AccessToken,
): Record<string, unknown> | undefined {
  if (!isJwt(token)) return undefined;
  const source = sourceOf({ oidc });
  if (!source) return undefined;
  const { authTime: auth_time, acr, amr } = source;
  return Object.fromEntries(Object.entries({ auth_time, acr, amr }).filter(([, value]) => value !== undefined));
}

/** What the tokens of this request are made from. */
export function sourceOf({ oidc }: Pick<EngineContext, 'oidc'>): Source | undefined {
  const { AuthorizationCode, DeviceCode, BackchannelAuthenticationRequest, RefreshToken } = oidc.entities;
  return AuthorizationCode ?? DeviceCode ?? BackchannelAuthenticationRequest ?? RefreshToken;
}
