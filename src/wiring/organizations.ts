// The third rung: organizations, and who belongs to them. What was granted for one ends in the hooks here, in the transaction of the change.
import { BackchannelRequests } from '../features/backchannel-requests/backchannel-requests.js';
import { OrganizationAccess } from '../features/organization-access/organization-access.js';
import { MembershipService } from '../features/organizations/membership.service.js';
import { MembershipHistory } from '../features/organizations/membership-history.js';
import { OrganizationService } from '../features/organizations/organization.service.js';
import type { OrganizationHooks } from '../features/organizations/organization-hooks.js';
import { Standings } from '../features/organizations/standing.js';
import type { Ground } from './ground.js';
import type { People } from './people.js';

export type Organizations = ReturnType<typeof openOrganizations>;

export function openOrganizations(
  { db, audit, clock, tenants, protocol, backchannelPings }: Ground,
  { passwords }: People,
) {
  const { grants, backchannelCodes } = protocol;
  const hooks: OrganizationHooks = {
    memberEnded: (organizationId, userId) => grants.endOfOrganization(organizationId, userId),
    organizationEnded: (organizationId) => grants.endOfOrganization(organizationId),
  };
  const standings = new Standings(db);
  const history = new MembershipHistory(db, clock);
  const memberships = new MembershipService(db, audit, clock, standings, history, hooks);
  const organizations = new OrganizationService(db, audit, clock, tenants, standings, memberships, hooks);
  const organizationAccess = new OrganizationAccess({
    ...{ db, audit, clock, memberships, organizations, passwords },
    takesPasswords: async () => (await tenants.current()).settings.authentication.first_factors.includes('password'),
  });
  const backchannelRequests = new BackchannelRequests(
    db,
    backchannelCodes,
    grants,
    audit,
    clock,
    (request) => backchannelPings.add(request),
    organizationAccess,
  );
  return { standings, memberships, organizations, organizationAccess, backchannelRequests };
}
