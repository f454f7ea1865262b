// Introspection (RFC 7662, RFC 9701) and revocation (RFC 7009) of JWT access tokens (RFC 9068), which the engine declines: this takes over exactly
// where the engine, having authenticated the client, says unsupported_token_type. The rule is the one for opaque tokens.
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import type { JWK } from 'oidc-provider';
import { SERVER_ALGS } from '../features/clients/metadata/values.js';
import type { DeniedTokens } from '../features/protocol/denied-tokens.js';
import { isAmbiguousJwt } from '../platform/strict-jwt.js';
import type { MayIntrospect, readsDetails } from './client-auth.js';
import type { EngineContext } from './engine-types.js';

const algorithms = [...SERVER_ALGS];

interface Verified extends JWTPayload {
  jti: string;
  exp: number;
  client_id: string;
  gid?: string;
  suid?: string;
  org_id?: string;
  scope?: string;
  authorization_details?: unknown;
  cnf?: Record<string, string>;
}

/** @returns what a JWT access token of this issuer says, undefined for everything else: it may be revoked, and what it stands on may have ended. */
export function accessTokenReader(issuer: { url: string; jwks: JWK[] }) {
  const keys = createLocalJWKSet({ keys: issuer.jwks.map(publicPart) });

  return async (token: unknown): Promise<Verified | undefined> => {
    if (isAmbiguousJwt(token)) return undefined;
    try {
      const { payload } = await jwtVerify(String(token), keys, { issuer: issuer.url, typ: 'at+jwt', algorithms });
      return typeof payload.jti === 'string' && typeof payload.client_id === 'string'
        ? (payload as Verified)
        : undefined;
    } catch {
      return undefined;
    }
  };
}

export function jwtTokens(
  issuer: { url: string; jwks: JWK[] },
  denied: DeniedTokens,
  mayIntrospect: MayIntrospect,
  mayRead: ReturnType<typeof readsDetails>,
) {
  const verify = accessTokenReader(issuer);

  return async (ctx: EngineContext, next: () => Promise<void>): Promise<void> => {
    await next();
    const { route, client, params } = ctx.oidc ?? {};
    const declined = (ctx.body as { error?: string } | undefined)?.error === 'unsupported_token_type';
    if (!declined || !client) return;
    const token = await verify(params?.token);
    if (route === 'introspection') {
      const facts = { clientId: token?.client_id, aud: token?.aud };
      const told = token && (await mayIntrospect(ctx, client, facts)) && (await denied.isGood(factsOf(token)));
      await answer(ctx, told ? describe(token, await mayRead(client, facts)) : { active: false });
    } else if (!token || token.client_id === client.clientId || client.clientAuthMethod === 'none') {
      if (token?.client_id === client.clientId)
        await denied.deny(token.jti, token.exp, typeof token.aud === 'string' ? token.aud : undefined);
      ctx.status = 200;
      ctx.body = '';
    } else {
      ctx.body = {
        error: 'invalid_request',
        error_description: 'client is not authorized to revoke the presented token',
      };
    }
  };
}

const signedAnswer = 'application/token-introspection+jwt';

/**
 * RFC 9701 §4, §5: signed, and for the client that asks alone, where it would rather have that; encrypted where it has said so. So does the engine for
 * opaque tokens; its signer knows the keys and the algorithms that the client has registered.
 */
async function answer(ctx: EngineContext, said: object): Promise<void> {
  const signed = ctx.accepts('json', signedAnswer) === signedAnswer;
  // RFC 9701 §6: what the client would have encrypted is not told in the clear.
  if (!signed && ctx.oidc.client?.introspectionEncryptedResponseAlg) {
    const error_description = `introspection must be requested with Accept: ${signedAnswer} for this client`;
    ctx.body = { error: 'invalid_request', error_description };
    return;
  }
  ctx.status = 200;
  ctx.body = said;
  if (!signed) return;
  const { IdToken } = ctx.oidc.provider as unknown as { IdToken: Signer };
  const token = new IdToken({}, { ctx });
  token.set('token_introspection', said);
  ctx.body = await token.issue({ use: 'introspection' });
  ctx.type = `${signedAnswer}; charset=utf-8`;
}

/** What of the engine's class signs all its answers. */
type Signer = new (
  claims: object,
  of: { ctx: EngineContext },
) => { set(member: string, value: unknown): void; issue(what: { use: 'introspection' }): Promise<string> };

export const factsOf = ({ jti, client_id, gid, suid, org_id }: Verified) => ({
  jti,
  clientId: client_id,
  grantId: gid,
  sessionUid: suid,
  organizationId: gid === undefined ? org_id : undefined,
});

function describe({ gid, suid, authorization_details, ...claims }: Verified, withDetails: boolean) {
  const details = withDetails && authorization_details ? { authorization_details } : {};
  return { active: true, token_type: claims.cnf?.jkt ? 'DPoP' : 'Bearer', ...claims, ...details };
}

/** RFC 7517 §4: what everybody may see of a key. */
function publicPart({ kty, crv, x, y, n, e, kid, alg, use }: JWK): JSONWebKeySet['keys'][number] {
  return JSON.parse(JSON.stringify({ kty, crv, x, y, n, e, kid, alg, use }));
}
