// Who is asking: an access token in the Authorization header (RFC 6750 §2.1), never in the query or a form; one that is bound to a key with the
// scheme DPoP and a proof (RFC 9449 §7.1).
import type { Context } from 'koa';
import { CLIENT_ALGS } from '../features/clients/metadata/values.js';
import { InvalidProof, type ShownToken } from '../features/protocol/proof-of-possession.js';
import { metadataAddress } from '../features/resources/protected-resource.js';
import type { Actor } from '../platform/context.js';
import { AppError, forbidden, unauthorized } from '../platform/errors.js';
import { isMet, type Requirement, sentenceOf, waysOf } from '../platform/requirement.js';

export interface Bearer {
  actor: Actor;
  scopes: ReadonlySet<string>;
  /** Keys of the roles that the person or client has now. */
  roles?: readonly string[] | undefined;
  /** For which organization the token is; undefined: for none. */
  organizationId?: string | undefined;
  /** How often it may be used, where that is said of it. */
  limit?: { key: string; requestsPerMinute: number } | undefined;
  /** Asks anew, of a connection that goes on: undefined once the token has ended. Absent where nothing goes on. */
  again?: () => Promise<Bearer | undefined>;
}

/** A token and how it was shown; which request it was is known to whoever looks for it. */
export type Shown = Pick<ShownToken, 'token' | 'scheme' | 'proof'>;

/** Finds an active token issued for this API; undefined for every other, without saying why. @throws InvalidProof */
export type Authenticate = (shown: Shown, ctx: Context) => Promise<Bearer | undefined>;

interface Required {
  realm: string;
  scope: Requirement;
  role?: Requirement | undefined;
}

interface Asked extends Required {
  authenticate: Authenticate;
  /** Counts a request of whoever asks, whether they may do it or not. @throws AppError 429 */
  spend?: ((ctx: Context, bearer: Bearer) => Promise<void>) | undefined;
}

/** @throws AppError 401, 403 or 400 with the challenge of RFC 6750 §3 or RFC 9449 §7.1. */
export async function requireBearer(ctx: Context, { authenticate, realm, scope, role, spend }: Asked): Promise<Bearer> {
  const shown = shownToken(ctx, realm);
  const bearer = await authenticate(shown, ctx).catch((error: unknown) => {
    if (!(error instanceof InvalidProof)) throw error;
    const { code, message, nonce } = error;
    const headers = challenge(shown.scheme, realm, code, message);
    throw unauthorized(code, message, nonce === undefined ? headers : { ...headers, 'DPoP-Nonce': nonce });
  });
  if (!bearer) throw invalidToken(realm, shown.scheme);
  await spend?.(ctx, bearer);
  assertSuffices(bearer, { realm, scope, role }, shown.scheme);
  return bearer;
}

/** Of a request that took its time: who asks, as they are by now. @throws AppError as requireBearer */
export async function stillBearer(ctx: Context, bearer: Bearer, { realm, scope, role }: Required): Promise<Bearer> {
  const { scheme } = shownToken(ctx, realm);
  const now = bearer.again ? await bearer.again() : bearer;
  if (!now) throw invalidToken(realm, scheme);
  assertSuffices(now, { realm, scope, role }, scheme);
  return now;
}

function invalidToken(realm: string, scheme: Shown['scheme']): AppError {
  const message = 'The access token is unknown, expired, revoked or meant for somebody else';
  return unauthorized('invalid_token', message, challenge(scheme, realm, 'invalid_token', message));
}

/** @throws AppError 403 */
function assertSuffices(bearer: Bearer, { realm, scope, role }: Required, scheme: Shown['scheme']): void {
  if (!isMet(scope, bearer.scopes)) {
    const message = `This needs an access token with the scope ${sentenceOf(scope)}`;
    // RFC 6750 §3: what suffices. Of several that do, the first is the least.
    const enough = waysOf(scope)[0]?.join(' ');
    throw forbidden('insufficient_scope', message, challenge(scheme, realm, 'insufficient_scope', message, enough));
  }
  if (role && !isMet(role, new Set(bearer.roles)))
    throw forbidden('insufficient_role', `This is for whoever has the role ${sentenceOf(role)}`);
}

function shownToken(ctx: Context, realm: string): Shown {
  // RFC 9700 §4.3.2: a token in an address ends up in logs and histories; it is not even looked at.
  if (new URLSearchParams(ctx.querystring).has('access_token'))
    throw malformed(realm, 'The access token belongs in the Authorization header, never in the address');
  const header = ctx.get('Authorization');
  const [, named] = /^(Bearer|DPoP)(?: |$)/i.exec(header) ?? [];
  // RFC 6750 §3.1: who shows no token learns only that one is needed; RFC 9449 §7.2: and in which ways it may be shown.
  if (!named)
    throw unauthorized('unauthorized', 'This needs an access token', {
      'WWW-Authenticate': `Bearer ${of(realm)}, DPoP ${of(realm)}, ${algorithms}`,
    });
  const scheme = named.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer';
  const token = /^[A-Za-z]+ +([A-Za-z0-9\-._~+/]+=*)$/.exec(header)?.[1];
  if (!token) throw malformed(realm, 'The Authorization header is malformed', scheme);
  return { token, scheme, proof: ctx.get('DPoP') || undefined };
}

const malformed = (realm: string, message: string, scheme: Shown['scheme'] = 'Bearer') =>
  new AppError(400, 'invalid_request', message, { headers: challenge(scheme, realm, 'invalid_request', message) });

/** RFC 9449 §7.1: what a proof may be signed with. */
const algorithms = `algs="${CLIENT_ALGS.join(' ')}"`;

/** RFC 9728 §5.1: where a client reads what it needs to get a token. */
const of = (realm: string): string => `realm="${realm}", resource_metadata="${metadataAddress(realm)}"`;

function challenge(
  scheme: Shown['scheme'],
  realm: string,
  error: string,
  description: string,
  scope?: string,
): Record<string, string> {
  const members = [of(realm), `error="${error}"`, `error_description="${description}"`];
  if (scope) members.push(`scope="${scope}"`);
  if (scheme === 'DPoP') members.push(algorithms);
  return { 'WWW-Authenticate': `${scheme} ${members.join(', ')}` };
}
