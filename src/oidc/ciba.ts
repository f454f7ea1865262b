// Client-Initiated Backchannel Authentication (OpenID Connect CIBA): whom a request means, and where it is put for them to decide.
import { errors } from 'oidc-provider';
import { polling } from '../../config/protocol.js';
import { meets, requestedAcr } from '../features/authentication/requested-acr.js';
import type { BackchannelRequests } from '../features/backchannel-requests/backchannel-requests.js';
import { type OrganizationAccess, wantedOrganization } from '../features/organization-access/organization-access.js';
import { namedClaims } from '../features/protocol/claim-scopes.js';
import type { UserService } from '../features/users/user.service.js';
import { currentTenantId } from '../platform/context.js';
import { newId } from '../platform/crypto.js';
import { AppError } from '../platform/errors.js';
import type { Limiter } from '../platform/rate-limit.js';
import { isVisible } from '../platform/text.js';
import type { EngineContext } from './engine-types.js';

const GRANT = 'urn:openid:params:grant-type:ciba';

type Next = () => Promise<void>;

/** §7.3 `interval`; those who are pinged may ask as well. */
export async function tellBackchannelInterval(ctx: EngineContext, next: Next): Promise<void> {
  await next();
  const body = ctx.body as Record<string, unknown> | undefined;
  if (ctx.status === 200 && typeof body?.auth_req_id === 'string') ctx.body = { ...body, interval: polling.interval };
  // §13, RFC 6749 §5.2; the engine calls it an invalid request.
  if (body?.error === 'invalid_request' && ctx.oidc.client && !ctx.oidc.client.grantTypeAllowed(GRANT))
    ctx.body = { ...body, error: 'unauthorized_client' };
}

/** §4: the engine says of every server that it knows user codes, which here are refused. */
export async function tellNoUserCodes(ctx: EngineContext, next: Next): Promise<void> {
  await next();
  const body = ctx.body as Record<string, unknown> | undefined;
  if (body?.backchannel_user_code_parameter_supported) body.backchannel_user_code_parameter_supported = false;
}

/** §7.1: short, and of characters that both devices can show. */
export function assertBindingMessage(message: string | undefined): void {
  if (message === undefined || (/^[\p{L}\p{N} .,:;!?#+/_-]{1,64}$/u.test(message) && isVisible(message))) return;
  throw new errors.InvalidBindingMessage('binding_message must be 1 to 64 letters, digits, spaces or .,:;!?#+/_-');
}

/** OpenID Connect Core §5.5.1.1: whom no class of ours satisfies is told so now, as at /authorize in the end; nobody is asked in vain. */
export function assertReachable(params: Readonly<Record<string, unknown>>): void {
  const { values, essential } = requestedAcr(params);
  if (essential && !values.some((value) => meets(value, value)))
    throw new errors.UnmetAuthenticationRequirements('none of the requested authentication classes could be reached');
}

interface Hints {
  users: Pick<UserService, 'findByEmail'>;
  /** How many of them one client may try in vain: each tells it whether somebody has an account. */
  unknownHints: Pick<Limiter, 'consume' | 'reward'>;
}

/**
 * §7.1 login_hint: the address by which people sign in, and which they have proved theirs: somebody else may have typed it. One statement, whether
 * there is such a person or not. Whoever tries many at once is counted before any is looked up; what was somebody is given back.
 */
export async function personOf({ users, unknownHints }: Hints, clientId: string, hint: string) {
  const key = `${currentTenantId()} ${clientId}`;
  // Nothing was told to whom is refused.
  await unknownHints.consume(key).catch((error) => unknownHints.reward(key).then(() => later(error)));
  const user = await users.findByEmail(hint);
  if (!user?.active || !user.emailVerified) return undefined;
  await unknownHints.reward(key);
  return user.id;
}

/** §13 has no word for it: RFC 6749 §4.1.2.1. */
function later(error: unknown): never {
  if (error instanceof AppError && error.status === 429) throw new errors.TemporarilyUnavailable(error.message);
  throw error;
}

interface Saved {
  jti?: string;
  accountId?: string;
  clientId?: string;
  scope?: string;
  claims?: { id_token?: object; userinfo?: object };
  resource?: string | string[];
  exp?: number;
  remainingTTL?: number;
  params?: Record<string, unknown>;
}

interface Asking {
  backchannelRequests: Pick<BackchannelRequests, 'ask'>;
  organizationAccess: Pick<OrganizationAccess, 'find'>;
}

/** Whoever is no member is not told from who is: the person sees what they may agree to, and the client what they have decided. */
async function organizationFor(
  organizations: Asking['organizationAccess'],
  userId: string,
  params: Record<string, unknown>,
): Promise<string | undefined> {
  const wanted = wantedOrganization(params);
  const found = wanted && (await organizations.find(userId, wanted));
  // Of nobody, so that it is refused when they decide.
  return found?.kind === 'one' ? found.membership.organization.id : wanted && newId();
}

/** @throws InvalidRequest whoever the person is. */
export function assertOrganizationNamed(params: Readonly<Record<string, unknown>>): void {
  const wanted = wantedOrganization(params);
  if (wanted && wanted.name === undefined)
    throw new errors.InvalidRequest('organization must be named: there is no page on which anybody could choose');
}

/** The engine has saved what the client polls for; from here on the person sees that they are asked. */
export async function askPerson(
  { backchannelRequests, organizationAccess }: Asking,
  saved: Saved,
  now: Date,
): Promise<void> {
  const { binding_message, ...params } = saved.params ?? {};
  const asked = backchannelRequests.ask({
    handle: String(saved.jti),
    userId: String(saved.accountId),
    clientId: String(saved.clientId),
    bindingMessage: textOf(binding_message),
    scope: saved.scope ?? '',
    organizationId: await organizationFor(organizationAccess, String(saved.accountId), params),
    claims: namedClaims(saved.claims ?? {}),
    resource: [saved.resource ?? []].flat()[0],
    acrValues: textOf(requestedAcr(params).values.join(' ')),
    expiresAt: new Date(now.getTime() + (saved.remainingTTL ?? 0) * 1000),
  });
  await asked.catch(later);
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
