// The grant a request stands on: the session's own, or remembered consent, or, for the house's own applications, given without asking.

import type { Grant } from 'oidc-provider';
import { ACCOUNT_CLIENT } from '../features/clients/built-in-clients.js';
import type { ClientService } from '../features/clients/client.service.js';
import { settingsOf } from '../features/clients/client-settings.js';
import type { OrganizationAccess } from '../features/organization-access/organization-access.js';
import { claimsWithin } from '../features/protocol/claim-scopes.js';
import type { Consent } from '../features/protocol/consent.js';
import type { Payload } from '../features/protocol/handles.js';
import type { Protocol } from '../features/protocol/protocol.js';
import type { EngineContext } from './engine-types.js';
import { grantedOrganization, organizationOf } from './organization.js';

export function createLoadExistingGrant(protocol: Protocol, organizations: OrganizationAccess) {
  return async (ctx: EngineContext): Promise<Grant | undefined> => {
    const { oidc } = ctx;
    const asked = await organizationOf(ctx, organizations);
    const organization = asked && grantedOrganization(asked);
    // Nothing is given for one that they may not have, or before they have chosen and proved what it takes.
    if (asked && !organization && asked.found.kind !== 'none') return undefined;
    const session = { uid: String(oidc.session?.uid), accountId: String(oidc.session?.accountId), organization };
    const client = oidc.client as NonNullable<typeof oidc.client>;
    // It is given no token and no code: there is nothing to keep.
    if (client.clientId === ACCOUNT_CLIENT)
      return new oidc.provider.Grant({ ...ownGrant, accountId: session.accountId } as never) as unknown as Grant;
    let payload = await protocol.grants.ofSession(session, client.clientId);
    if (settingsOf(client).consent_policy === 'implicit' && !settingsOf(client).dynamic) {
      const missing = missingConsent(oidc, payload as Consent | undefined);
      if (missing) payload = await protocol.grants.give(session, client.clientId, missing);
    }
    return payload && (new oidc.provider.Grant(payload as never) as unknown as Grant);
  };
}

const ownGrant = { clientId: ACCOUNT_CLIENT, openid: { scope: 'openid' } };

/**
 * A scope taken out of the client's registration is gone from what was agreed to before as well, and its claims with it; those of resources go by
 * resources.ts.
 */
export async function withinRegistration(
  clients: ClientService,
  grant: Payload | undefined,
): Promise<Payload | undefined> {
  const { openid } = (grant ?? {}) as Consent;
  const registered = openid && (await clients.engineMetadata(String(grant?.clientId)))?.scope;
  if (!grant || typeof registered !== 'string') return grant;
  const listed = new Set(registered.split(' '));
  const scope = openid?.scope?.split(' ').filter((name) => listed.has(name));
  const claims = openid?.claims && claimsWithin(openid.claims, registered);
  return { ...grant, openid: { ...openid, scope: scope?.join(' '), claims } };
}

type ClaimsRequest = Record<string, unknown>;

/**
 * OpenID Connect Core §5.5: claims of scopes that the client is not registered for are as if they were not asked for: not shown, not given, and no
 * error (§5.5.1). Before anything is kept of the request, at whichever endpoint it comes.
 */
export function keepWithinScope({ oidc }: EngineContext, asked: ClaimsRequest, { scope }: { scope?: string }): void {
  const within = (some: object) => {
    const kept = new Set(claimsWithin(Object.keys(some), scope));
    return Object.fromEntries(Object.entries(some).filter(([name]) => kept.has(name)));
  };
  const { userinfo, id_token } = asked as { userinfo?: object; id_token?: object };
  const kept = { ...asked, userinfo: userinfo && within(userinfo), id_token: id_token && within(id_token) };
  (oidc.params as Record<string, unknown>).claims = JSON.stringify(kept);
}

/** What the request asks for and the grant does not hold yet, or undefined. */
function missingConsent(oidc: EngineContext['oidc'], grant: Consent | undefined): Consent | undefined {
  const granted = (scope: string | undefined, name: string) => (scope ?? '').split(' ').includes(name);
  const scope = [...oidc.requestParamOIDCScopes].filter((name) => !granted(grant?.openid?.scope, name));
  const claims = [...oidc.requestParamClaims].filter((name) => !grant?.openid?.claims?.includes(name));
  const resources = Object.entries(oidc.resourceServers ?? {}).map(([identifier, server]) => [
    identifier,
    [...oidc.requestParamScopes]
      .filter((name) => server.scopes.has(name) && !granted(grant?.resources?.[identifier], name))
      .join(' '),
  ]);
  if (scope.length === 0 && claims.length === 0 && resources.every(([, names]) => !names)) return undefined;
  return { openid: { scope: scope.join(' '), claims }, resources: Object.fromEntries(resources) };
}
