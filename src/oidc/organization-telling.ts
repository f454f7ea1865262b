// What a client is told silently (prompt=none) of the organizations of somebody: nothing before they have agreed to it there. All of them lack consent then.
import { settingsOf } from '../features/clients/client-settings.js';
import type { OrganizationAccess } from '../features/organization-access/organization-access.js';
import type { Grants } from '../features/protocol/grants.js';
import type { EngineContext } from './engine-types.js';
import { type AskedOrganization, grantedOrganization, organizationOf } from './organization.js';

export interface Telling {
  organizations: OrganizationAccess;
  agreements: Pick<Grants, 'hasAgreed'>;
}

const told = new WeakMap<object, Promise<AskedOrganization | undefined>>();

/** As organizationOf, where the client may know of it: undefined otherwise. */
export function toldOf(ctx: EngineContext, telling: Telling): Promise<AskedOrganization | undefined> {
  const known = told.get(ctx) ?? look(ctx, telling);
  told.set(ctx, known);
  return known;
}

async function look(
  ctx: EngineContext,
  { organizations, agreements }: Telling,
): Promise<AskedOrganization | undefined> {
  const asked = await organizationOf(ctx, organizations);
  return asked && (await mayTell(ctx, asked, agreements)) ? asked : undefined;
}

async function mayTell({ oidc }: EngineContext, asked: AskedOrganization, agreements: Telling['agreements']) {
  const { consent_policy, dynamic } = settingsOf(oidc.client);
  // On a page it is the person who is told; and what the house has agreed to for its own applications is agreed to.
  if (!oidc.prompts.has('none') || (consent_policy === 'implicit' && !dynamic)) return true;
  const { found } = asked;
  if (found.kind === 'none' || grantedOrganization(asked)) return true;
  // What was agreed to for an organization is forgotten with the membership.
  if (found.kind === 'refused') return false;
  const organization = found.kind === 'one' ? found.membership.organization.id : undefined;
  return agreements.hasAgreed(String(oidc.session?.accountId), String(oidc.client?.clientId), organization);
}
