// What the management API answers: each feature's own list, put together. The OpenAPI document is printed from it, and a test walks it.
import { version } from '../config/root.js';
import { userBulkRoutes } from './features/accounts/user-bulk.routes.js';
import { verificationRoutes } from './features/accounts/verification.routes.js';
import { apiKeyRoutes } from './features/api-keys/api-key.routes.js';
import { auditRoutes } from './features/audit/audit.routes.js';
import { auditExportRoutes } from './features/audit-proof/audit-export.routes.js';
import { brandingRoutes } from './features/branding/branding.routes.js';
import { clientRoutes } from './features/clients/client.routes.js';
import { clientSecretRoutes } from './features/clients/client-secret.routes.js';
import { initialAccessTokenRoutes } from './features/clients/registration/initial-access-token.routes.js';
import { connectionRoutes } from './features/connections/connection.routes.js';
import { identityRoutes } from './features/connections/identity.routes.js';
import { lockoutRoutes } from './features/credentials/lockout.routes.js';
import { passwordRoutes } from './features/credentials/password.routes.js';
import { deviceRoutes } from './features/devices/device.routes.js';
import { domainRoutes } from './features/domains/domain.routes.js';
import { exchangePolicyRoutes } from './features/exchange/exchange-policy.routes.js';
import { healthRoutes } from './features/health/health.routes.js';
import { impersonationRoutes } from './features/impersonation/impersonation.routes.js';
import { invitationRoutes } from './features/invitations/invitation.routes.js';
import { invitationTemplateRoutes } from './features/invitations/invitation-template.routes.js';
import { jobRoutes } from './features/jobs/job.routes.js';
import { keyRoutes } from './features/keys/key.routes.js';
import { logoutRoutes } from './features/logout/logout.routes.js';
import { mailRoutes } from './features/mail/mail.routes.js';
import { mailTemplateRoutes } from './features/mail/mail-template.routes.js';
import { installationMaintenanceRoutes, maintenanceRoutes } from './features/maintenance/maintenance.routes.js';
import { memberRoutes } from './features/organizations/member.routes.js';
import { membershipBulkRoutes } from './features/organizations/membership-bulk.routes.js';
import { membershipHistoryRoutes } from './features/organizations/membership-history.routes.js';
import { organizationRoutes } from './features/organizations/organization.routes.js';
import { organizationRoleRoutes } from './features/organizations/organization-role.routes.js';
import { teamRoutes } from './features/organizations/team.routes.js';
import { noActingTokens } from './features/protocol/acting-tokens.js';
import { massEndingRoutes } from './features/protocol/mass-ending.routes.js';
import { sessionRoutes } from './features/protocol/session.routes.js';
import { resourceRoutes } from './features/resources/resource.routes.js';
import { roleRoutes } from './features/roles/role.routes.js';
import { clientRoleRoutes, permissionRoutes, userRoleRoutes } from './features/roles/role-holder.routes.js';
import { setupLinkRoutes } from './features/setup/setup-link.routes.js';
import { ownSettingsRoutes } from './features/tenants/own-settings.routes.js';
import { tenantRoutes } from './features/tenants/tenant.routes.js';
import { tokenEndingRoutes } from './features/token-status/token-ending.routes.js';
import { traceRoutes } from './features/traces/trace.routes.js';
import { trustedIssuerRoutes } from './features/trusted-issuers/trusted-issuer.routes.js';
import { userRoutes } from './features/users/user.routes.js';
import { webhookRoutes } from './features/webhooks/webhook.routes.js';
import type { Endpoint } from './platform/endpoint.js';
import type { Services } from './services.js';

/** Everything it answers, at the tenant `default`. */
export const endpointsOf = (services: Services): Endpoint[] => [
  ...tenantEndpoints(services),
  ...installationEndpoints(services),
];

/** What only its operators have. */
export const installationEndpoints = ({ db, tenants, setup, maintenance }: Services): Endpoint[] => [
  ...tenantRoutes(db, tenants),
  ...setupLinkRoutes(tenants, setup),
  ...installationMaintenanceRoutes(maintenance),
];

/** What every tenant has. */
export function tenantEndpoints(
  {
    db,
    clock,
    clients,
    initialAccessTokens,
    users,
    accountLocks,
    devices,
    importedPasswords,
    passwordLinks,
    userBulk,
    emailVerification,
    resources,
    tenants,
    exchangePolicies,
    trustedIssuers,
    externalSubjects,
    organizations,
    memberships,
    membershipBulk,
    organizationRoles,
    teams,
    standings,
    domains,
    connections,
    connectionKeys,
    connectionRefresh,
    invitations,
    invitationTemplates,
    protocol,
    massEnding,
    keys,
    mail,
    logoutNotices,
    tokenEndings,
    traces,
    traceValidation,
    identities,
    apiKeys,
    roles,
    permissions,
    impersonations,
    audit,
    auditExport,
    webhooks,
    webhookDeliveries,
    maintenance,
    health,
    tenantBranding,
    organizationBranding,
    ownWords,
    letterWriting,
    longWork,
  }: Services,
  actingTokens = noActingTokens,
): Endpoint[] {
  return [
    ...clientRoutes(db, clients),
    ...clientSecretRoutes(clients),
    ...initialAccessTokenRoutes(db, initialAccessTokens),
    ...userRoutes(db, users, importedPasswords),
    ...userBulkRoutes(userBulk),
    ...verificationRoutes(users, emailVerification),
    ...passwordRoutes(users, passwordLinks),
    ...lockoutRoutes(db, users, accountLocks),
    ...deviceRoutes(users, devices),
    ...identityRoutes(db, users, identities),
    ...impersonationRoutes({ db, users, impersonations, tokens: actingTokens }),
    ...resourceRoutes(db, resources, tenants),
    ...exchangePolicyRoutes(db, exchangePolicies),
    ...trustedIssuerRoutes(db, trustedIssuers, externalSubjects),
    ...organizationRoutes(db, organizations, standings),
    ...memberRoutes(db, organizations, memberships, standings),
    ...domainRoutes(db, organizations, domains),
    ...connectionRoutes({ db, clock, tenants, organizations, connections, connectionKeys, connectionRefresh }),
    ...invitationRoutes(db, organizations, invitations, clock),
    ...invitationTemplateRoutes(db, organizations, invitationTemplates),
    ...membershipBulkRoutes(organizations, membershipBulk),
    ...membershipHistoryRoutes(db, organizations),
    ...organizationRoleRoutes(db, organizations, organizationRoles),
    ...teamRoutes(db, organizations, standings, teams),
    ...massEndingRoutes(massEnding, clients),
    ...sessionRoutes(db, protocol, users, clock),
    ...logoutRoutes(db, logoutNotices),
    ...tokenEndingRoutes(tokenEndings),
    ...keyRoutes(keys),
    ...mailRoutes(db, mail),
    ...auditExportRoutes(auditExport, audit, clock),
    ...auditRoutes(db, clock),
    ...traceRoutes(db, traces, traceValidation),
    ...apiKeyRoutes(db, apiKeys, clock),
    ...roleRoutes(db, roles),
    ...userRoleRoutes(users, roles),
    ...clientRoleRoutes(clients, roles),
    ...permissionRoutes(users, permissions),
    ...jobRoutes(db, longWork),
    ...webhookRoutes({ db, organizations, webhooks, webhookDeliveries }),
    ...maintenanceRoutes(maintenance),
    ...mailTemplateRoutes(ownWords, letterWriting),
    ...brandingRoutes({ tenants, organizations, tenantBranding, organizationBranding }),
    ...healthRoutes(health, maintenance, { ostiary: version, node: process.versions.node }),
    ...ownSettingsRoutes(tenants),
  ];
}
