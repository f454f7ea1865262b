// Who is asking: a bearer token in the Authorization header (RFC 6750 §2.1), never in the query or a form.
import type { Context } from 'koa';
import type { Actor } from '../platform/context.js';
import { AppError, forbidden, unauthorized } from '../platform/errors.js';

export interface Bearer {
  actor: Actor;
  scopes: ReadonlySet<string>;
}

/** Finds an active token issued for this API; undefined for every other, without saying why. */
export type Authenticate = (token: string, ctx: Context) => Promise<Bearer | undefined>;

/** @throws AppError 401, 403 or 400 with the challenge of RFC 6750 §3. */
export async function requireBearer(
  ctx: Context,
  { authenticate, realm, scope }: { authenticate: Authenticate; realm: string; scope: string },
): Promise<Bearer> {
  const token = bearerToken(ctx, realm);
  const bearer = await authenticate(token, ctx);
  if (!bearer) {
    const message = 'The access token is unknown, expired, revoked or meant for somebody else';
    throw unauthorized('invalid_token', message, challenge(realm, 'invalid_token', message));
  }
  if (!bearer.scopes.has(scope)) {
    const message = `This needs an access token with the scope ${scope}`;
    throw forbidden('insufficient_scope', message, challenge(realm, 'insufficient_scope', message, scope));
  }
  return bearer;
}

function bearerToken(ctx: Context, realm: string): string {
  // RFC 9700 §4.3.2: a token in an address ends up in logs and histories; it is not even looked at.
  if (new URLSearchParams(ctx.querystring).has('access_token'))
    throw malformed(realm, 'The access token belongs in the Authorization header, never in the address');
  const header = ctx.get('Authorization');
  // RFC 6750 §3.1: who shows no token learns only that one is needed.
  if (!/^Bearer(?: |$)/i.test(header))
    throw unauthorized('unauthorized', 'This needs an access token', { 'WWW-Authenticate': `Bearer realm="${realm}"` });
  const token = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(header)?.[1];
  if (!token) throw malformed(realm, 'The Authorization header is malformed');
  return token;
}

const malformed = (realm: string, message: string) =>
  new AppError(400, 'invalid_request', message, { headers: challenge(realm, 'invalid_request', message) });

const challenge = (realm: string, error: string, description: string, scope?: string): Record<string, string> => ({
  'WWW-Authenticate': `Bearer realm="${realm}", error="${error}", error_description="${description}"${scope ? `, scope="${scope}"` : ''}`,
});
