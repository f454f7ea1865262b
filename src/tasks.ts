// What is done in the background, and how often. Whoever does jobs (platform/jobs.ts) does these; each may run twice, and in any process.
import { z } from 'zod';
import { ABANDONED_TASK, type AbandonedRegistrations } from './features/accounts/abandoned-registrations.js';
import { type AccountDeletion, PURGE_TASK } from './features/accounts/account-deletion.js';
import { ERASE_TASK, type Erasure } from './features/accounts/erasure.js';
import { ALERT_TASK, type AuditAlerts } from './features/audit-alerts/audit-alerts.js';
import { type AuditRetention, RETAIN_TASK } from './features/audit-proof/audit-retention.js';
import { type AuditCheckpoints, CHECKPOINT_TASK } from './features/audit-proof/checkpoints.js';
import { type AuditSealing, SEAL_TASK } from './features/audit-proof/sealing.js';
import { type BackchannelPings, PING_TASK, PingClient } from './features/backchannel-requests/pings.js';
import { UNUSED_TASK, type UnusedClients } from './features/clients/registration/unused-clients.js';
import {
  type ConnectionRefresh,
  READ_TASK,
  REFRESH_TASK,
  ReadConnection,
} from './features/connections/connection-refresh.js';
import {
  END_SESSIONS_TASK,
  EndSessions,
  OVERDUE_SESSIONS_TASK,
  type UpstreamEndings,
} from './features/connections/upstream-endings.js';
import { LOCKED_TASK, Locked, sendLockNotice } from './features/credentials/lock-notice.js';
import { CHECK_TASK, type DomainChecks } from './features/domains/domain-checks.js';
import { type DomainJoining, JOIN_TASK, JoinDomain } from './features/domains/domain-joining.js';
import { EXPIRE_TASK, type InvitationExpiry } from './features/invitations/invitation-expiry.js';
import type { KeySchedule } from './features/keys/key-schedule.js';
import { DeliverLogout, LOGOUT_TASK, type LogoutNotices } from './features/logout/logout-notices.js';
import { type MailService, SEND_TASK, SendMail } from './features/mail/mail.service.js';
import type { Maintenance } from './features/maintenance/maintenance.service.js';
import {
  type AutomaticMemberships,
  JOIN_EVERYBODY_TASK,
  JoinPeople,
} from './features/organizations/automatic-memberships.js';
import { INACTIVE_TASK, type InactiveMembers } from './features/organizations/inactive-members.js';
import { EndBatch, MASS_ENDING_TASK, type MassEnding } from './features/protocol/mass-ending.js';
import type { TenantDeletion } from './features/tenants/tenant-deletion.js';
import type { UserService } from './features/users/user.service.js';
import { sha256 } from './platform/crypto.js';
import { task } from './platform/jobs.js';
import type { Rewrap } from './platform/rewrap.js';
import type { Sweeper } from './platform/sweep.js';

export const DELETE_TASK = 'tenants.delete';
/** By then no request is under way that began before the tenant ended. */
export const leftoversMs = 120_000;

const Nothing = z.object({});
const DeleteTenant = z.strictObject({ tenant_id: z.uuid().optional() });
/** A job may take a quarter of an hour (platform/jobs.ts): what is left then is for the next run. */
const patienceMs = 600_000;

export interface Workers {
  mail: MailService;
  logoutNotices: LogoutNotices;
  backchannelPings: BackchannelPings;
  users: UserService;
  keySchedule: KeySchedule;
  rewrap: Rewrap;
  deletion: TenantDeletion;
  accountDeletion: AccountDeletion;
  erasure: Erasure;
  abandonedRegistrations: AbandonedRegistrations;
  unusedClients: UnusedClients;
  domainChecks: DomainChecks;
  domainJoining: DomainJoining;
  invitationExpiry: InvitationExpiry;
  automaticMemberships: AutomaticMemberships;
  inactiveMembers: InactiveMembers;
  connectionRefresh: ConnectionRefresh;
  upstreamEndings: UpstreamEndings;
  auditSealing: AuditSealing;
  auditCheckpoints: AuditCheckpoints;
  auditRetention: AuditRetention;
  auditAlerts: AuditAlerts;
  maintenance: Maintenance;
  massEnding: MassEnding;
  sweeper: Sweeper;
  /** Aborted as soon as the process is asked to stop. */
  stopping: AbortSignal;
}

/** @param workers asked when a task runs: some of them enqueue tasks themselves. */
export function createTasks(workers: () => Workers) {
  /** For work that may stop anywhere, because the next run goes on where this one has stopped. */
  const inTime = (signal: AbortSignal) =>
    AbortSignal.any([signal, workers().stopping, AbortSignal.timeout(patienceMs)]);
  return {
    [SEND_TASK]: task({
      schema: SendMail,
      run: (payload, { lastAttempt }) => workers().mail.deliver(payload, lastAttempt),
    }),
    [LOGOUT_TASK]: task({
      schema: DeliverLogout,
      // One relying party that does not answer holds up its own notices, and many of them hold up no letter.
      queue: ({ client_id }, tenantId) => `logout:${sha256(`${tenantId} ${client_id}`)}`,
      priority: 10,
      run: (payload, { lastAttempt }) => workers().logoutNotices.deliver(payload, lastAttempt),
    }),
    [PING_TASK]: task({
      schema: PingClient,
      // As above: a client that does not answer holds up its own.
      queue: ({ client_id }, tenantId) => `ping:${sha256(`${tenantId} ${client_id}`)}`,
      run: (payload, { lastAttempt }) => workers().backchannelPings.deliver(payload, lastAttempt),
    }),
    [LOCKED_TASK]: task({ schema: Locked, run: (lock) => sendLockNotice(lock, workers().users, workers().mail) }),
    [DELETE_TASK]: task({
      schema: DeleteTenant,
      // Also what a process that died has left, found by whoever starts next.
      every: 10,
      run: ({ tenant_id: tenantId }, { signal }) =>
        workers().deletion.run({ ...(tenantId ? { tenantId } : {}), signal: inTime(signal) }),
    }),
    [PURGE_TASK]: task({
      schema: Nothing,
      every: 600,
      run: async (_nothing, { signal }) => void (await workers().accountDeletion.purge(inTime(signal))),
    }),
    [ERASE_TASK]: task({
      schema: Nothing,
      every: 60,
      run: async (_nothing, { signal }) => void (await workers().erasure.finish(inTime(signal))),
    }),
    [ABANDONED_TASK]: task({
      schema: Nothing,
      every: 6 * 3600,
      run: async (_nothing, { signal }) => void (await workers().abandonedRegistrations.end(inTime(signal))),
    }),
    [UNUSED_TASK]: task({
      schema: Nothing,
      every: 6 * 3600,
      run: async (_nothing, { signal }) => void (await workers().unusedClients.end(inTime(signal))),
    }),
    [CHECK_TASK]: task({
      schema: Nothing,
      every: 3600,
      run: async (_nothing, { signal }) => void (await workers().domainChecks.run(inTime(signal))),
    }),
    [JOIN_TASK]: task({
      schema: JoinDomain,
      run: (payload, { signal }) => workers().domainJoining.joinAll(payload, inTime(signal)),
    }),
    [EXPIRE_TASK]: task({
      schema: Nothing,
      every: 600,
      run: async (_nothing, { signal }) => void (await workers().invitationExpiry.run(inTime(signal))),
    }),
    [JOIN_EVERYBODY_TASK]: task({
      schema: JoinPeople,
      // One batch of a tenant after the other, and after those who wait for an answer.
      queue: (_batch, tenantId) => `join:${tenantId}`,
      priority: 10,
      run: (payload) => workers().automaticMemberships.joinExisting(payload),
    }),
    [INACTIVE_TASK]: task({
      schema: Nothing,
      every: 6 * 3600,
      run: async (_nothing, { signal }) => void (await workers().inactiveMembers.tend(inTime(signal))),
    }),
    [READ_TASK]: task({
      schema: ReadConnection,
      run: (payload) => workers().connectionRefresh.read(payload),
    }),
    [REFRESH_TASK]: task({
      schema: Nothing,
      every: 1800,
      run: (_nothing, { signal }) => workers().connectionRefresh.run(inTime(signal)),
    }),
    [END_SESSIONS_TASK]: task({
      schema: EndSessions,
      run: (payload) => workers().upstreamEndings.end(payload),
    }),
    [OVERDUE_SESSIONS_TASK]: task({
      schema: Nothing,
      every: 60,
      run: (_nothing, { signal }) => workers().upstreamEndings.endOverdue(inTime(signal)),
    }),
    [SEAL_TASK]: task({
      schema: Nothing,
      every: 5,
      run: async (_nothing, { signal }) => void (await workers().auditSealing.run(inTime(signal))),
    }),
    [CHECKPOINT_TASK]: task({
      schema: Nothing,
      every: 60,
      run: async (_nothing, { signal }) => void (await workers().auditCheckpoints.run(inTime(signal))),
    }),
    [ALERT_TASK]: task({
      schema: Nothing,
      every: 30,
      run: async (_nothing, { signal }) => void (await workers().auditAlerts.run(inTime(signal))),
    }),
    [RETAIN_TASK]: task({
      schema: Nothing,
      every: 6 * 3600,
      run: async (_nothing, { signal }) => void (await workers().auditRetention.run(inTime(signal))),
    }),
    [MASS_ENDING_TASK]: task({
      schema: EndBatch,
      // One batch of a tenant after the other.
      queue: (_batch, tenantId) => `sessions:${tenantId}`,
      run: (payload) => workers().massEnding.end(payload),
    }),
    'signing_keys.tend': task({
      schema: Nothing,
      every: 600,
      run: (_nothing, { signal }) => workers().keySchedule.run(inTime(signal)),
    }),
    'sealed_values.rewrap': task({
      schema: Nothing,
      every: 300,
      run: async (_nothing, { signal }) => void (await workers().rewrap.run(inTime(signal))),
    }),
    'maintenance.flags': task({
      schema: Nothing,
      every: 60,
      run: () => workers().maintenance.renewFlags(),
    }),
    sweep: task({
      schema: Nothing,
      every: 60,
      run: async (_nothing, { signal }) => void (await workers().sweeper.run(inTime(signal))),
    }),
  };
}
