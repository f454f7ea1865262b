// Request objects (RFC 9101): what the engine has not looked at. Replaces the engine's own hook, so its rules for FAPI and CIBA are said again here.
import { errors } from 'oidc-provider';
import { clockTolerance } from '../../config/protocol.js';
import type { Replays } from '../features/protocol/replays.js';
import { epochSeconds } from '../platform/clock.js';
import type { EngineContext } from './engine-types.js';
import { fapiProfile, signingProblem } from './profile.js';

type Claims = Readonly<Record<string, unknown>>;

/** RFC 9101 §10.8: a JWT that says what else it is, is no request object. */
const types = new Set(['oauth-authz-req+jwt', 'jwt']);

const hour = 3600;

/** What people are asked for in them counts once; it is counted when the engine has verified the signature, which it does next. */
const uncounted = new WeakMap<object, { clientId: string; jti: string; exp: number }>();

/** @throws InvalidRequestObject */
export async function assertRequestObject(
  ctx: EngineContext,
  claims: Claims,
  header: Claims,
  client: { clientId: string },
): Promise<void> {
  // It was looked at when it was pushed; one that was pushed in parameters stands here unsigned (RFC 9126 §2.1).
  if ('PushedAuthorizationRequest' in ctx.oidc.entities) return;
  const typ = String(header.typ ?? 'jwt').toLowerCase();
  if (!types.has(typ.replace(/^application\//, ''))) refuse('typ must be oauth-authz-req+jwt');
  // Whoever sees it in the address of a browser could authenticate with it (RFC 7523 §3).
  if (claims.sub === client.clientId) refuse('sub must not be the client_id');

  const problem = signingProblem(client, header, claims);
  if (problem) refuse(problem);
  const asksPerson = ctx.oidc.route === 'backchannel_authentication';
  const required = [
    ...(fapiProfile(client) ? ['exp', 'nbf', 'aud'] : []),
    ...(asksPerson ? ['exp', 'iat', 'nbf', 'jti'] : []),
  ];
  // The tolerance for clocks that differ would make a request_uri that ends before it begins.
  if (ctx.oidc.route === 'pushed_authorization_request' && Number(claims.exp) <= epochSeconds(new Date()))
    refuse('exp is past');
  for (const claim of required) if (claims[claim] === undefined) refuse(`${claim} is missing`);
  if (fapiProfile(client) || asksPerson) assertShortLived(Number(claims.nbf), Number(claims.exp));
  if (!asksPerson) return;
  const { jti, exp } = claims;
  if (typeof jti !== 'string' || jti === '') refuse('jti must be text');
  uncounted.set(ctx, { clientId: client.clientId, jti, exp: Number(exp) });
}

/** OpenID Connect CIBA §7.1.1 jti: nobody is asked twice by one signature. @throws InvalidRequest */
export async function countSignedRequest(ctx: object, replays: Pick<Replays, 'unique'>): Promise<void> {
  const signed = uncounted.get(ctx);
  if (!signed) return;
  const { clientId, jti, exp } = signed;
  if (await replays.unique(`request ${clientId}`, jti, exp + clockTolerance)) return;
  throw new errors.InvalidRequest('this signed request was used before');
}

/** FAPI 1.0 Part 2 §5.2.2 no. 13 and 17, FAPI 2.0 Message Signing §5.3.1, FAPI-CIBA §5.2.2. */
function assertShortLived(nbf: number, exp: number): void {
  if (!(exp > nbf && exp - nbf <= hour)) refuse('exp must be at most 60 minutes after nbf');
  if (nbf < epochSeconds(new Date()) - hour) refuse('nbf must be at most 60 minutes ago');
}

function refuse(problem: string): never {
  throw new errors.InvalidRequestObject(problem);
}
