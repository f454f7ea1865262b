// What tokens for an organization say, read each time one is made: whoever is no member any more is given none.
import { errors, type Provider } from 'oidc-provider';
import { settingsOf } from '../features/clients/client-settings.js';
import {
  namesOf,
  type OrganizationAccess,
  organizationClaims,
} from '../features/organization-access/organization-access.js';
import type { MembershipClaims } from '../features/organizations/membership.queries.js';
import type { Protocol } from '../features/protocol/protocol.js';
import { epochSeconds } from '../platform/clock.js';
import { currentEngineContext, requestOf } from './adapter.js';
import type { EngineContext } from './engine-types.js';
import { sourceOf } from './jwt-claims.js';

interface EngineGrant {
  organizationId?: string;
  exp?: number;
}

const read = new WeakMap<object, Map<string, Promise<MembershipClaims | undefined>>>();

/** Once for each request, person and organization. */
function membershipOf(ctx: object, access: OrganizationAccess, userId: string, organization: string) {
  const known = read.get(ctx) ?? new Map();
  read.set(ctx, known);
  const key = `${userId} ${organization}`;
  const found: Promise<MembershipClaims | undefined> = known.get(key) ?? access.membership(userId, organization);
  known.set(key, found);
  return found;
}

const grantOf = ({ oidc }: EngineContext): EngineGrant | undefined => oidc.entities.Grant as EngineGrant | undefined;

const inherited = new WeakMap<object, string>();

/** A token that was exchanged stands on a grant of its own, which is for the organization of the one it was exchanged for (RFC 8693). */
export function staysInOrganization(token: object, organization: string | undefined): void {
  if (organization !== undefined) inherited.set(token, organization);
}

/** Asked before anything is spent or given for it. @throws InvalidGrant where another organization is named than the one it stays in. */
export async function namesNoOther(
  ctx: EngineContext,
  access: OrganizationAccess,
  accountId: string,
  organization: string | undefined,
): Promise<void> {
  const wanted = namedIn(ctx);
  if (wanted === undefined || wanted === organization) return;
  const membership = organization && (await membershipOf(ctx, access, accountId, organization));
  if (!membership) throw otherOrganization();
  assertNamed(wanted, membership);
}

/** @throws InvalidGrant where another one is named, by id or slug. */
function assertNamed(wanted: unknown, { organization: { id, slug } }: MembershipClaims): void {
  if (wanted !== undefined && wanted !== id && wanted !== slug) throw otherOrganization();
}

const namedIn = ({ oidc }: EngineContext): unknown =>
  oidc.route === 'token' ? (oidc.body as { organization?: unknown } | undefined)?.organization : undefined;

interface Token {
  kind?: string;
  accountId?: string;
  grantId?: string;
}

/**
 * In access tokens of both formats, and at introspection.
 * @throws InvalidGrant where the membership is gone, and then the grant ends; where what was proved for it has become too old, or is not enough any more; where another organization
 * than the grant's is asked for: nothing is spent.
 */
export async function membershipSaid(
  ctx: EngineContext,
  access: OrganizationAccess,
  protocol: Protocol,
  token: Token,
): Promise<Record<string, unknown> | undefined> {
  const wanted = namedIn(ctx);
  const { accountId, grantId, kind } = token;
  if (kind === 'ClientCredentials') return clientSaid(ctx, access, wanted);
  const organization = grantOf(ctx)?.organizationId ?? inherited.get(token);
  if (organization === undefined) {
    if (wanted !== undefined && accountId !== undefined) throw otherOrganization();
    return undefined;
  }
  const membership = await membershipOf(ctx, access, String(accountId), organization);
  if (!membership) {
    if (grantId) await protocol.grants.end(requestOf(ctx), grantId, 'membership_ended');
    throw new errors.InvalidGrant('the membership in the organization has ended');
  }
  assertNamed(wanted, membership);
  const { authTime, amr } = sourceOf(ctx) ?? {};
  if (authTime !== undefined && access.secondsLeft(authTime, membership) <= 0)
    throw new errors.InvalidGrant('what was proved for the organization is too old');
  if (authTime !== undefined && access.isTooWeak(amr ?? [], membership))
    throw new errors.InvalidGrant('what was proved is not enough for the organization any more');
  await access.used(String(accountId), membership);
  return organizationClaims(membership);
}

/** A client that acts for itself: where its registration says so, which an administrator writes alone. @throws UnauthorizedClient */
async function clientSaid({ oidc }: EngineContext, access: OrganizationAccess, wanted: unknown) {
  if (wanted === undefined) return undefined;
  const allowed = settingsOf(oidc.client).organizations ?? [];
  const found = typeof wanted === 'string' ? await access.ofClient(allowed, wanted) : undefined;
  if (!found) throw new errors.UnauthorizedClient('the client may not have a token for this organization');
  return namesOf(found);
}

const otherOrganization = () => new errors.InvalidGrant('the grant is for another organization, or for none');

/** In ID tokens and at UserInfo, as it is now. */
export async function claimsForOrganization(
  ctx: EngineContext,
  access: OrganizationAccess,
  userId: string,
): Promise<Record<string, unknown>> {
  const organization = grantOf(ctx)?.organizationId;
  const membership = organization && (await membershipOf(ctx, access, userId, organization));
  return membership ? organizationClaims(membership) : {};
}

interface BoundToken extends Token {
  expiresIn?: number;
  expiration: number;
  save(): Promise<string>;
}

/** No access token outlives what it stands on, also where newer proofs have prolonged the grant. */
export function endWithProof(provider: Provider, access: OrganizationAccess): void {
  const prototype = provider.AccessToken.prototype as unknown as BoundToken;
  const { save } = prototype;
  prototype.save = async function (this: BoundToken) {
    const ctx = currentEngineContext();
    const organization = ctx && grantOf(ctx)?.organizationId;
    const at = organization && sourceOf(ctx)?.authTime;
    const membership = at && (await membershipOf(ctx, access, String(this.accountId), organization));
    if (membership) this.expiresIn = Math.max(1, Math.min(this.expiration, access.secondsLeft(at, membership)));
    return save.call(this);
  };
}

/** Seconds: no access token outlives the grant that it stands on. */
export function noLongerThan(ctx: EngineContext, seconds: number): number {
  const { exp } = grantOf(ctx) ?? {};
  return exp === undefined ? seconds : Math.max(1, Math.min(seconds, exp - epochSeconds(new Date())));
}
