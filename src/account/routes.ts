// The pages below /account. Each group of pages adds its own routes; the door decides who passes.
import Router from '@koa/router';
import { readForm } from '../platform/form.js';
import { type ActivityDependencies, activityRoutes } from './activity.js';
import { type ApplicationDependencies, applicationRoutes } from './applications.js';
import { type AuthenticatorDependencies, authenticatorRoutes } from './authenticator.js';
import { type DataExportDependencies, dataExportRoutes } from './data-export.js';
import { type DeletionDependencies, deletionRoutes } from './deletion.js';
import { type DeviceDependencies, deviceRoutes } from './devices.js';
import type { AccountDoor } from './door.js';
import { type EmailDependencies, emailRoutes } from './email.js';
import { type IdentityDependencies, identityRoutes } from './identities.js';
import { type InvitationDependencies, invitationRoutes } from './invitation.js';
import { type OrganizationDomainsDependencies, organizationDomainsRoutes } from './organization-domains.js';
import { OrganizationDoor, type OrganizationDoorDependencies } from './organization-door.js';
import { type OrganizationInvitationsDependencies, organizationInvitationsRoutes } from './organization-invitations.js';
import { type OrganizationMemberDependencies, organizationMemberRoutes } from './organization-member.js';
import { organizationMembersRoutes } from './organization-members.js';
import { type OrganizationOverviewDependencies, organizationOverviewRoutes } from './organization-overview.js';
import { organizationPolicyRoutes } from './organization-policy.js';
import { type OrganizationRolesDependencies, organizationRolesRoutes } from './organization-roles.js';
import { type OrganizationSettingsDependencies, organizationSettingsRoutes } from './organization-settings.js';
import { type OrganizationTeamsDependencies, organizationTeamsRoutes } from './organization-teams.js';
import { type OrganizationsDependencies, organizationsRoutes } from './organizations.js';
import { overviewRoutes } from './overview.js';
import { type OwnPasswordDependencies, ownPasswordRoutes } from './own-password.js';
import { type PasskeyDependencies, passkeyRoutes } from './passkeys.js';
import { type ProfileDependencies, profileRoutes } from './profile.js';
import { type RequestDependencies, requestRoutes } from './requests.js';
import { type SecurityDependencies, securityRoutes } from './security.js';
import { type SettingsDependencies, settingsRoutes } from './settings.js';
import { signedInRoutes } from './signed-in.js';
import type { WayBack } from './way-back.js';

export interface AccountDependencies
  extends ProfileDependencies,
    DeviceDependencies,
    IdentityDependencies,
    ApplicationDependencies,
    RequestDependencies,
    ActivityDependencies,
    SecurityDependencies,
    OwnPasswordDependencies,
    PasskeyDependencies,
    AuthenticatorDependencies,
    EmailDependencies,
    SettingsDependencies,
    DataExportDependencies,
    DeletionDependencies,
    InvitationDependencies,
    OrganizationPagesDependencies {
  wayBack: WayBack;
}

type OrganizationPagesDependencies = OrganizationsDependencies &
  OrganizationDoorDependencies &
  OrganizationOverviewDependencies &
  OrganizationMemberDependencies &
  OrganizationInvitationsDependencies &
  OrganizationTeamsDependencies &
  OrganizationRolesDependencies &
  OrganizationDomainsDependencies &
  OrganizationSettingsDependencies;

export function createAccountRouter(door: AccountDoor, deps: AccountDependencies): Router {
  const router = new Router({ prefix: '/account', sensitive: true, strict: true });
  router.use(async (ctx, next) => {
    ctx.state.route = String(ctx._matchedRoute ?? '/account');
    await next();
  });
  router.use(readForm);
  signedInRoutes(router, door, deps.wayBack);
  profileRoutes(router, door, deps);
  securityRoutes(router, door, deps);
  ownPasswordRoutes(router, door, deps);
  passkeyRoutes(router, door, deps);
  authenticatorRoutes(router, door, deps);
  identityRoutes(router, door, deps);
  deviceRoutes(router, door, deps);
  applicationRoutes(router, door, deps);
  requestRoutes(router, door, deps);
  activityRoutes(router, door, deps);
  emailRoutes(router, door, deps);
  settingsRoutes(router, door, deps);
  dataExportRoutes(router, door, deps);
  deletionRoutes(router, door, deps);
  organizationPages(router, door, deps);
  invitationRoutes(router, door, deps);

  // The first page has no slash behind the prefix.
  const whole = new Router({ sensitive: true, strict: true });
  overviewRoutes(whole, door);
  whole.use(router.routes());
  return whole;
}

function organizationPages(router: Router, door: AccountDoor, deps: OrganizationPagesDependencies): void {
  // Before those of one organization, whose name could be `new` otherwise.
  organizationsRoutes(router, door, deps);
  const inside = new OrganizationDoor(door, deps);
  organizationOverviewRoutes(router, inside, deps);
  organizationMembersRoutes(router, inside, deps.db);
  organizationMemberRoutes(router, inside, deps);
  organizationInvitationsRoutes(router, inside, deps);
  organizationTeamsRoutes(router, inside, deps);
  organizationRolesRoutes(router, inside, deps);
  organizationDomainsRoutes(router, inside, deps);
  organizationPolicyRoutes(router, inside, deps);
  organizationSettingsRoutes(router, inside, deps);
}
