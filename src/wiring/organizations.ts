// The third rung: organizations, and who belongs to them. What was granted for one ends in the hooks here, in the transaction of the change.
import { BackchannelRequests } from '../features/backchannel-requests/backchannel-requests.js';
import { OrganizationBrands } from '../features/branding/organization-brands.js';
import type { UpstreamEndings } from '../features/connections/upstream-endings.js';
import type { InvitationService } from '../features/invitations/invitation.service.js';
import type { InvitationEndings } from '../features/invitations/invitation-endings.js';
import { OrganizationAccess } from '../features/organization-access/organization-access.js';
import { AccountEndings } from '../features/organizations/account-endings.js';
import { AutomaticMemberships } from '../features/organizations/automatic-memberships.js';
import { InactiveMembers } from '../features/organizations/inactive-members.js';
import { MembershipService } from '../features/organizations/membership.service.js';
import { MembershipBulk } from '../features/organizations/membership-bulk.js';
import { MembershipHistory } from '../features/organizations/membership-history.js';
import { OrganizationService } from '../features/organizations/organization.service.js';
import type { OrganizationHooks } from '../features/organizations/organization-hooks.js';
import { OrganizationRoles } from '../features/organizations/organization-roles.js';
import { Standings } from '../features/organizations/standing.js';
import { Teams } from '../features/organizations/teams.js';
import type { Ground } from './ground.js';
import type { People } from './people.js';

export type Organizations = ReturnType<typeof openOrganizations>;

/** @param late who stands above: those who have been asked in, and those who came by an identity provider. */
export function openOrganizations(
  { db, audit, clock, caching, tenants, protocol, backchannelPings, jobs, mail }: Ground,
  { passwords }: People,
  late: () => {
    invitations: Pick<InvitationService, 'pendingWithRole'>;
    invitationEndings: Pick<InvitationEndings, 'memberAdded' | 'memberEnded'>;
    upstreamEndings: Pick<UpstreamEndings, 'organizationsEnding' | 'organizationEnded'>;
  },
) {
  const { grants, backchannelCodes } = protocol;
  const organizationBrands = new OrganizationBrands(db, caching);
  const hooks: OrganizationHooks = {
    organizationChanged: (...changed) => organizationBrands.changed(...changed),
    memberAdded: (organizationId, userId) => late().invitationEndings.memberAdded(organizationId, userId),
    async memberEnded(organizationId, userId) {
      await grants.endOfOrganization(organizationId, userId);
      await late().invitationEndings.memberEnded(organizationId, userId);
    },
    organizationsEnding: (organizationIds) => late().upstreamEndings.organizationsEnding(organizationIds),
    async organizationEnded(organizationId) {
      await grants.endOfOrganization(organizationId);
      await late().upstreamEndings.organizationEnded(organizationId);
    },
    offered: (roleId) => late().invitations.pendingWithRole(roleId),
  };
  const standings = new Standings(db);
  const history = new MembershipHistory(db, clock);
  const memberships = new MembershipService(db, audit, clock, standings, history, hooks);
  const organizations = new OrganizationService(db, audit, clock, tenants, standings, memberships, hooks);
  const organizationAccess = new OrganizationAccess({
    ...{ db, audit, clock, memberships, organizations, passwords },
    takesPasswords: async () => (await tenants.current()).settings.authentication.first_factors.includes('password'),
  });
  return {
    accountEndings: new AccountEndings(db, audit, tenants, history, hooks),
    automaticMemberships: new AutomaticMemberships(db, clock, tenants, organizations, memberships, jobs),
    inactiveMembers: new InactiveMembers(db, clock, tenants, memberships, mail),
    organizationBrands,
    standings,
    memberships,
    membershipBulk: new MembershipBulk(db, memberships),
    organizations,
    organizationRoles: new OrganizationRoles(db, audit, clock, standings, hooks),
    teams: new Teams(db, audit, clock, standings, history),
    organizationAccess,
    backchannelRequests: new BackchannelRequests(
      db,
      backchannelCodes,
      grants,
      audit,
      clock,
      (request) => backchannelPings.add(request),
      organizationAccess,
    ),
  };
}
