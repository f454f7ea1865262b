// The management API as a resource server of every tenant: its endpoints' scopes are what a client can be given for it.
import type { ResourceServer } from './features/resources/resource.entity.js';
import { apiPolicyOf, shutsOut } from './features/tenants/api-policy.js';
import type { Tenant } from './features/tenants/tenant.entity.js';
import { currentContext } from './platform/context.js';
import type { Endpoint } from './platform/endpoint.js';
import { forbidden, invalid } from './platform/errors.js';
import { wordsOf } from './platform/requirement.js';

/** Every scope that the management API of any tenant has, and what it lets a client do. */
export const managementScopes: Readonly<Record<string, string>> = {
  'clients:read': 'See clients',
  'clients:write': 'Register, change and delete clients, and rotate their secrets',
  'users:read': 'See users, and who you are: your profile, e-mail address and second factors',
  'users:write': 'Create, change and delete users',
  'resources:read': 'See resource servers',
  'resources:write': 'Register, change and delete resource servers',
  'exchange:read': 'See which clients may exchange tokens',
  'exchange:write': 'Let clients exchange tokens, and end that',
  'issuers:read': 'See trusted issuers, and whom they speak of',
  'issuers:write': 'Trust issuers, and say whom they speak of',
  'connections:read': 'See identity providers that are trusted, never secrets',
  'connections:write': 'Trust identity providers, say what is believed of them, and end that',
  'organizations:read': 'See organizations, their members, roles and teams, and what became of members',
  'organizations:write': 'Create, change, suspend and delete organizations, their members, roles and teams',
  'roles:write': 'Give and take roles, and change people who have one',
  'sessions:read': 'See sessions',
  'sessions:write': 'End sessions',
  'grants:read': 'See what users have allowed clients',
  'grants:write': 'Revoke what users have allowed clients',
  'keys:read': 'See signing keys, never their private halves',
  'keys:write': 'Rotate signing keys, and take compromised ones out of use',
  'mail:read': 'See whether mail was sent, never what it says',
  'mail:write': 'Send mail again that was given up',
  'audit:read': 'Read the audit log',
  'token_endings:read': 'As a resource server, read which access tokens have ended before they expire',
  'audit:export': 'Export the whole audit log, with addresses and browsers',
  'traces:read': 'Read why requests of clients were refused, with what they had sent',
  'api_keys:read': 'See API keys by how they begin, and how often they are used',
  'api_keys:write': 'Make, change, rotate and revoke API keys',
  'roles:read': 'See roles, who has which, and what they may do',
  'users:lock': 'Lock accounts of people who have no role, and unlock them',
  'webhooks:read': 'See who is told of what happens, and what became of that; never secrets',
  'webhooks:write': 'Have somebody told of what happens, and send it again',
  'maintenance:write': 'Close the tenant for maintenance and open it again, and come in meanwhile',
  'health:read': 'See how what the server stands on is, and whether the tenant is closed for maintenance',
  'settings:read': 'See the settings of the tenant',
  'settings:write':
    'Change the settings of the tenant: branding, sign-in, lockout, sessions, accounts, organizations, audit, API',
};

/** Scopes of whoever operates the installation: they exist at the tenant `default` only. */
export const installationScopes: Readonly<Record<string, string>> = {
  'tenants:read': 'See tenants',
  'tenants:write': 'Create, change, suspend and delete tenants, and appoint their first administrators',
};

const everyScope = { ...managementScopes, ...installationScopes };

/** Scope → description, of one tenant's API. */
export const scopesAt = ({ isDefault }: Pick<Tenant, 'isDefault'>): Readonly<Record<string, string>> =>
  isDefault ? everyScope : managementScopes;

/** @param issuer of the tenant: its API is the audience `{issuer}/api`. */
export const managementApi = (tenant: Pick<Tenant, 'isDefault'>, issuer: string): ResourceServer => ({
  identifier: `${issuer}/api`,
  name: 'Management API',
  scopes: Object.entries(scopesAt(tenant)).map(([name, description]) => ({ name, description })),
  accessTokenFormat: 'opaque',
  accessTokenTtl: 600,
  signingAlg: 'ES256',
});

/** @throws AppError 403 when a client would be given more of the management API than whoever asks has. */
export function mayGrant(scopes: readonly string[]): void {
  const held = currentContext()?.actor?.scopes;
  if (!held) return;
  const more = scopes.filter((scope) => scope in everyScope && !held.has(scope));
  if (more.length > 0) throw forbidden('scope_not_held', `Nobody gives away what they do not have: ${more.join(' ')}`);
}

interface ForEverybody {
  open_registration?: { scopes?: readonly string[] | undefined } | undefined;
  client_id_metadata_documents?: { scopes?: readonly string[] | undefined } | undefined;
}

/** What everybody may ask for is nothing of the management API: that somebody gives who has it. @throws AppError 422 */
export function assertNotForEverybody(policy: ForEverybody | null | undefined): void {
  for (const member of ['open_registration', 'client_id_metadata_documents'] as const)
    for (const [index, scope] of (policy?.[member]?.scopes ?? []).entries())
      if (scope in everyScope)
        throw invalid('The settings cannot be used', [
          { pointer: `/settings/protocol/${member}/scopes/${index}`, message: 'is a scope of the management API' },
        ]);
}

/** Whether whoever asks runs the installation: by a token of its operators, or on the machine itself. */
export function operatesInstallation(): boolean {
  const held = currentContext()?.actor?.scopes;
  return !held || held.has('tenants:write');
}

/** Whoever closes the API of their own tenant to themselves could not open it again. @throws AppError 422 */
export function assertStaysOpen(tenant: Tenant): void {
  const { tenantId, actor, ip } = currentContext() ?? {};
  if (tenantId !== tenant.id || !actor?.scopes) return;
  const member = shutsOut(apiPolicyOf(tenant), { ip, bound: actor.certificateBound === true });
  if (member)
    throw invalid('The settings cannot be used', [
      { pointer: `/settings/api/${member}`, message: 'would shut you out' },
    ]);
}

/** @throws AppError 403 where the caller may not change people who have these roles. */
export function mayChangePrivileged(roles: readonly string[]): void {
  const { scopes: held, rolesWithin } = currentContext()?.actor ?? {};
  if (held && !held.has('roles:write'))
    throw forbidden('scope_not_held', 'Only whoever holds roles:write changes people who have a role');
  if (rolesWithin && roles.some((role) => !rolesWithin.has(role)))
    throw forbidden('scope_not_held', 'Nobody changes people who hold more than they do');
}

/** A person's token opens no more than the person: what their roles open now. */
export const scopesOf = (scopes: ReadonlySet<string>, permissions: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...scopes].filter((scope) => permissions.has(scope)));

/** @throws Error when an endpoint asks for a scope that nobody can be given. */
export function assertScopes(endpoints: readonly Endpoint[]): void {
  const unknown = endpoints.flatMap(({ scope }) => wordsOf(scope)).filter((word) => !(word in everyScope));
  if (unknown.length > 0) throw new Error(`scopes that are not declared: ${unknown.join(', ')}`);
}
