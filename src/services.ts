// What the server knows and does: the features, wired rung by rung, lowest first (wiring/). No door is opened here; app.ts and the command line build
// on it.
import type { Config } from '../config/index.js';
import type { MailboxLimits } from './features/accounts/mailboxes.js';
import { type Accounts, openAccounts } from './wiring/accounts.js';
import { type ApiKeyServices, openApiKeys } from './wiring/api-keys.js';
import { type Applications, openApplications } from './wiring/applications.js';
import { type Connections, openConnections } from './wiring/connections.js';
import { type GroundOverrides, openGround } from './wiring/ground.js';
import { type Invitations, openInvitations } from './wiring/invitations.js';
import { type Operations, openOperations } from './wiring/operations.js';
import { type Organizations, openOrganizations } from './wiring/organizations.js';
import { openPeople, type People } from './wiring/people.js';
import { openRecord, type RecordProof } from './wiring/record.js';
import { openRoles, type Roles } from './wiring/roles.js';
import { openWebhooks, type Webhooks } from './wiring/webhooks.js';

/** What tests replace; nothing here weakens a rule. */
export interface Overrides extends GroundOverrides {
  letters?: MailboxLimits;
}

export type Services = Awaited<ReturnType<typeof openServices>>;

/** Opens the database and everything that stands on it. @throws Error when the database is not reachable, or the embedded one is in use. */
export async function openServices(config: Config, overrides: Overrides = {}) {
  const ground = await openGround(config, overrides, () => ({
    users: people.users,
    automaticMemberships: organizations.automaticMemberships,
    inactiveMembers: organizations.inactiveMembers,
    erasure: people.erasure,
    accountDeletion: accounts.accountDeletion,
    abandonedRegistrations: accounts.abandonedRegistrations,
    unusedClients: applications.unusedClients,
    domainChecks: invitations.domainChecks,
    domainJoining: invitations.domainJoining,
    invitationExpiry: invitations.invitationExpiry,
    connectionRefresh: connections.connectionRefresh,
    upstreamEndings: connections.upstreamEndings,
    auditSealing: record.auditSealing,
    auditCheckpoints: record.auditCheckpoints,
    auditRetention: record.auditRetention,
    auditAlerts: record.auditAlerts,
    maintenance: operations.maintenance,
  }));
  const operations: Operations = openOperations(ground);
  const roles: Roles = openRoles(ground, () => applications);
  const people: People = openPeople(ground, roles, () => ({
    ...organizations,
    ...invitations,
    ...connections,
    ...apiKeys,
  }));
  const organizations: Organizations = openOrganizations(ground, people, () => ({ ...invitations, ...connections }));
  const invitations: Invitations = openInvitations(ground, people, organizations);
  const connections: Connections = openConnections(ground, people, organizations, () => accounts);
  const accounts: Accounts = openAccounts(ground, people, connections, overrides.letters);
  const applications: Applications = openApplications(ground, roles, people);
  const apiKeys: ApiKeyServices = openApiKeys(ground, roles, applications.resources);
  const record: RecordProof = openRecord(ground);
  const webhooks: Webhooks = openWebhooks(ground, organizations);
  return {
    ...ground,
    ...operations,
    ...roles,
    ...people,
    ...organizations,
    ...invitations,
    ...connections,
    ...accounts,
    ...applications,
    ...apiKeys,
    ...record,
    ...webhooks,
    async close(): Promise<void> {
      await apiKeys.apiKeyUsage.flush();
      await ground.close();
    },
  };
}
