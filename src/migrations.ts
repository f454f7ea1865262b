// Every migration, in the order in which they run.
import { Tenants1700000000001 } from '../migrations/0001-tenants.js';
import { AuditEvents1700000000002 } from '../migrations/0002-audit-events.js';
import { SigningKeys1700000000003 } from '../migrations/0003-signing-keys.js';
import { Users1700000000004 } from '../migrations/0004-users.js';
import { Credentials1700000000005 } from '../migrations/0005-credentials.js';
import { OneTimeTokens1700000000006 } from '../migrations/0006-one-time-tokens.js';
import { Clients1700000000007 } from '../migrations/0007-clients.js';
import { Resources1700000000008 } from '../migrations/0008-resources.js';
import { MailMessages1700000000009 } from '../migrations/0009-mail-messages.js';
import { Protocol1700000000010 } from '../migrations/0010-protocol.js';
import { DeniedTokens1700000000011 } from '../migrations/0011-denied-tokens.js';
import { SigningKeyLife1700000000012 } from '../migrations/0012-signing-key-life.js';
import { SealedRows1700000000013 } from '../migrations/0013-sealed-rows.js';
import { TenantDeletion1700000000014 } from '../migrations/0014-tenant-deletion.js';
import { Lists1700000000017 } from '../migrations/0017-lists.js';
import { Vacuum1700000000018 } from '../migrations/0018-vacuum.js';
import { IdempotencyKeys1700000000020 } from '../migrations/0020-idempotency-keys.js';
import { SecondFactors1700000000021 } from '../migrations/0021-second-factors.js';
import { Passkeys1700000000022 } from '../migrations/0022-passkeys.js';
import { OneTimeFlows1700000000024 } from '../migrations/0024-one-time-flows.js';
import { Registrations1700000000025 } from '../migrations/0025-registrations.js';
import { FailedMail1700000000026 } from '../migrations/0026-failed-mail.js';
import { ImportedHashes1700000000027 } from '../migrations/0027-imported-hashes.js';
import { Lockouts1700000000028 } from '../migrations/0028-lockouts.js';
import { Devices1700000000029 } from '../migrations/0029-devices.js';
import { KnownNetworks1700000000030 } from '../migrations/0030-known-networks.js';
import { AuditOfUser1700000000031 } from '../migrations/0031-audit-of-user.js';
import { PasskeyPrompts1700000000032 } from '../migrations/0032-passkey-prompts.js';
import { AccountLife1700000000033 } from '../migrations/0033-account-life.js';
import { FactorRecoveries1700000000034 } from '../migrations/0034-factor-recoveries.js';
import { SessionHomes1700000000035 } from '../migrations/0035-session-homes.js';
import { ProofsFrom1700000000036 } from '../migrations/0036-proofs-from.js';
import { ImportedHashesIndex1700000000040 } from '../migrations/0040-imported-hashes-index.js';
import { UsersDeletionIndex1700000000041 } from '../migrations/0041-users-deletion-index.js';
import { RefreshTokensOfAccount1700000000042 } from '../migrations/0042-refresh-tokens-of-account.js';
import { Erasures1700000000043 } from '../migrations/0043-erasures.js';
import { OneTimeOwners1700000000044 } from '../migrations/0044-one-time-owners.js';
import { FailuresInARow1700000000046 } from '../migrations/0046-failures-in-a-row.js';
import { LogoutNotices1700000000047 } from '../migrations/0047-logout-notices.js';
import { ReopenedFailures1700000000050 } from '../migrations/0050-reopened-failures.js';
import { OneTimeNobody1700000000053 } from '../migrations/0053-one-time-nobody.js';
import { GrantOrigins1700000000056 } from '../migrations/0056-grant-origins.js';
import { GrantParents1700000000057 } from '../migrations/0057-grant-parents.js';
import { UserCodes1700000000058 } from '../migrations/0058-user-codes.js';
import { UserCodesIndex1700000000059 } from '../migrations/0059-user-codes-index.js';
import { KeyAlgorithms1700000000062 } from '../migrations/0062-key-algorithms.js';
import { KeyAlgorithmsValid1700000000063 } from '../migrations/0063-key-algorithms-valid.js';
import { DeviceStages1700000000065 } from '../migrations/0065-device-stages.js';
import { BackchannelRequests1700000000066 } from '../migrations/0066-backchannel-requests.js';
import { TokenEndings1700000000070 } from '../migrations/0070-token-endings.js';
import { PublishedEndings1700000000071 } from '../migrations/0071-published-endings.js';
import { IntrospectionClients1700000000072 } from '../migrations/0072-introspection-clients.js';
import { TrustedIssuers1700000000075 } from '../migrations/0075-trusted-issuers.js';
import { ExternalSubjects1700000000076 } from '../migrations/0076-external-subjects.js';
import { ExchangePolicies1700000000077 } from '../migrations/0077-exchange-policies.js';
import { GrantsStandOn1700000000078 } from '../migrations/0078-grants-stand-on.js';
import { GrantsStandOnIndex1700000000079 } from '../migrations/0079-grants-stand-on-index.js';
import { InitialAccessTokens1700000000080 } from '../migrations/0080-initial-access-tokens.js';
import { ClientRegistrations1700000000081 } from '../migrations/0081-client-registrations.js';
import { ClientDocuments1700000000082 } from '../migrations/0082-client-documents.js';
import { ClientUses1700000000083 } from '../migrations/0083-client-uses.js';
import { UnusedClientsIndex1700000000084 } from '../migrations/0084-unused-clients-index.js';
import { ResourceDetails1700000000085 } from '../migrations/0085-resource-details.js';
import { TraceFindings1700000000090 } from '../migrations/0090-trace-findings.js';
import { TracesOfClient1700000000091 } from '../migrations/0091-traces-of-client.js';
import { BackchannelClaims1700000000092 } from '../migrations/0092-backchannel-claims.js';
import { GrantOriginsValid1700000000093 } from '../migrations/0093-grant-origins-valid.js';
import { GrantsActing1700000000095 } from '../migrations/0095-grants-acting.js';
import { GrantsActingIndex1700000000096 } from '../migrations/0096-grants-acting-index.js';
import { GrantsActingSessionIndex1700000000097 } from '../migrations/0097-grants-acting-session-index.js';
import { RegisteredCeilings1700000000102 } from '../migrations/0102-registered-ceilings.js';
import { Organizations1700000000110 } from '../migrations/0110-organizations.js';
import { OrganizationRoles1700000000111 } from '../migrations/0111-organization-roles.js';
import { Memberships1700000000112 } from '../migrations/0112-memberships.js';
import { Teams1700000000113 } from '../migrations/0113-teams.js';
import { MembershipEvents1700000000114 } from '../migrations/0114-membership-events.js';
import { OrganizationDomains1700000000115 } from '../migrations/0115-organization-domains.js';
import { InvitationTemplates1700000000116 } from '../migrations/0116-invitation-templates.js';
import { OrganizationInvitations1700000000117 } from '../migrations/0117-organization-invitations.js';
import { SessionProofs1700000000120 } from '../migrations/0120-session-proofs.js';
import { GrantsOfOrganizations1700000000121 } from '../migrations/0121-grants-of-organizations.js';
import { GrantsOfSession1700000000122 } from '../migrations/0122-grants-of-session.js';
import { GrantsSessionClient1700000000123 } from '../migrations/0123-grants-session-client.js';
import { GrantsOrganizationIndex1700000000124 } from '../migrations/0124-grants-organization-index.js';
import { BackchannelOrganizations1700000000125 } from '../migrations/0125-backchannel-organizations.js';
import { Connections1700000000130 } from '../migrations/0130-connections.js';
import { ConnectionKeys1700000000131 } from '../migrations/0131-connection-keys.js';
import { FederatedSignIns1700000000135 } from '../migrations/0135-federated-sign-ins.js';
import { Identities1700000000136 } from '../migrations/0136-identities.js';
import { UpstreamSessions1700000000137 } from '../migrations/0137-upstream-sessions.js';
import { TraceRecordings1700000000138 } from '../migrations/0138-trace-recordings.js';
import { TracesOfConnection1700000000139 } from '../migrations/0139-traces-of-connection.js';
import { TracesExpiry1700000000140 } from '../migrations/0140-traces-expiry.js';
import { TracesOfUser1700000000141 } from '../migrations/0141-traces-of-user.js';
import { IdentitiesByDomain1700000000142 } from '../migrations/0142-identities-by-domain.js';
import { FederatedSignInSessions1700000000144 } from '../migrations/0144-federated-sign-in-sessions.js';
import { FederatedSignInsBinding1700000000146 } from '../migrations/0146-federated-sign-ins-binding.js';
import { ConnectionsOrganization1700000000147 } from '../migrations/0147-connections-organization.js';
import { ConnectionsOrganizationPart1700000000148 } from '../migrations/0148-connections-organization-part.js';
import { Roles1700000000150 } from '../migrations/0150-roles.js';
import { RoleAssignments1700000000151 } from '../migrations/0151-role-assignments.js';
import { RolesOfUsers1700000000152 } from '../migrations/0152-roles-of-users.js';
import { RolesOfClients1700000000153 } from '../migrations/0153-roles-of-clients.js';
import { RoleClaims1700000000154 } from '../migrations/0154-role-claims.js';
import { AuditOfApiKeys1700000000155 } from '../migrations/0155-audit-of-api-keys.js';
import { AuditOfApiKeysValid1700000000156 } from '../migrations/0156-audit-of-api-keys-valid.js';
import { ApiKeys1700000000157 } from '../migrations/0157-api-keys.js';
import { ApiKeyUsage1700000000158 } from '../migrations/0158-api-key-usage.js';
import { ExchangeOfApiKeys1700000000159 } from '../migrations/0159-exchange-of-api-keys.js';
import { AuditSeals1700000000160 } from '../migrations/0160-audit-seals.js';
import { AuditQueue1700000000161 } from '../migrations/0161-audit-queue.js';
import { WebhookEndpoints1700000000168 } from '../migrations/0168-webhook-endpoints.js';
import { WebhookDeliveries1700000000169 } from '../migrations/0169-webhook-deliveries.js';
import { RolesOfApiKeys1700000000170 } from '../migrations/0170-roles-of-api-keys.js';
import { Maintenance1700000000174 } from '../migrations/0174-maintenance.js';
import { UsersName1700000000177 } from '../migrations/0177-users-name.js';
import { UsersWithRoles1700000000178 } from '../migrations/0178-users-with-roles.js';
import { UsersKeptOut1700000000179 } from '../migrations/0179-users-kept-out.js';

export const migrations = [
  Tenants1700000000001,
  AuditEvents1700000000002,
  SigningKeys1700000000003,
  Users1700000000004,
  Credentials1700000000005,
  OneTimeTokens1700000000006,
  Clients1700000000007,
  Resources1700000000008,
  MailMessages1700000000009,
  Protocol1700000000010,
  DeniedTokens1700000000011,
  SigningKeyLife1700000000012,
  SealedRows1700000000013,
  TenantDeletion1700000000014,
  Lists1700000000017,
  Vacuum1700000000018,
  IdempotencyKeys1700000000020,
  SecondFactors1700000000021,
  Passkeys1700000000022,
  OneTimeFlows1700000000024,
  Registrations1700000000025,
  FailedMail1700000000026,
  ImportedHashes1700000000027,
  Lockouts1700000000028,
  Devices1700000000029,
  KnownNetworks1700000000030,
  AuditOfUser1700000000031,
  PasskeyPrompts1700000000032,
  AccountLife1700000000033,
  FactorRecoveries1700000000034,
  SessionHomes1700000000035,
  ProofsFrom1700000000036,
  ImportedHashesIndex1700000000040,
  UsersDeletionIndex1700000000041,
  RefreshTokensOfAccount1700000000042,
  Erasures1700000000043,
  OneTimeOwners1700000000044,
  FailuresInARow1700000000046,
  LogoutNotices1700000000047,
  ReopenedFailures1700000000050,
  OneTimeNobody1700000000053,
  GrantOrigins1700000000056,
  GrantParents1700000000057,
  UserCodes1700000000058,
  UserCodesIndex1700000000059,
  KeyAlgorithms1700000000062,
  KeyAlgorithmsValid1700000000063,
  DeviceStages1700000000065,
  BackchannelRequests1700000000066,
  TokenEndings1700000000070,
  PublishedEndings1700000000071,
  IntrospectionClients1700000000072,
  TrustedIssuers1700000000075,
  ExternalSubjects1700000000076,
  ExchangePolicies1700000000077,
  GrantsStandOn1700000000078,
  GrantsStandOnIndex1700000000079,
  InitialAccessTokens1700000000080,
  ClientRegistrations1700000000081,
  ClientDocuments1700000000082,
  ClientUses1700000000083,
  UnusedClientsIndex1700000000084,
  ResourceDetails1700000000085,
  TraceFindings1700000000090,
  TracesOfClient1700000000091,
  BackchannelClaims1700000000092,
  GrantOriginsValid1700000000093,
  GrantsActing1700000000095,
  GrantsActingIndex1700000000096,
  GrantsActingSessionIndex1700000000097,
  RegisteredCeilings1700000000102,
  Organizations1700000000110,
  OrganizationRoles1700000000111,
  Memberships1700000000112,
  Teams1700000000113,
  MembershipEvents1700000000114,
  OrganizationDomains1700000000115,
  InvitationTemplates1700000000116,
  OrganizationInvitations1700000000117,
  SessionProofs1700000000120,
  GrantsOfOrganizations1700000000121,
  GrantsOfSession1700000000122,
  GrantsSessionClient1700000000123,
  GrantsOrganizationIndex1700000000124,
  BackchannelOrganizations1700000000125,
  Connections1700000000130,
  ConnectionKeys1700000000131,
  FederatedSignIns1700000000135,
  Identities1700000000136,
  UpstreamSessions1700000000137,
  TraceRecordings1700000000138,
  TracesOfConnection1700000000139,
  TracesExpiry1700000000140,
  TracesOfUser1700000000141,
  IdentitiesByDomain1700000000142,
  FederatedSignInSessions1700000000144,
  FederatedSignInsBinding1700000000146,
  ConnectionsOrganization1700000000147,
  ConnectionsOrganizationPart1700000000148,
  Roles1700000000150,
  RoleAssignments1700000000151,
  RolesOfUsers1700000000152,
  RolesOfClients1700000000153,
  RoleClaims1700000000154,
  AuditOfApiKeys1700000000155,
  AuditOfApiKeysValid1700000000156,
  ApiKeys1700000000157,
  ApiKeyUsage1700000000158,
  ExchangeOfApiKeys1700000000159,
  AuditSeals1700000000160,
  AuditQueue1700000000161,
  WebhookEndpoints1700000000168,
  WebhookDeliveries1700000000169,
  RolesOfApiKeys1700000000170,
  Maintenance1700000000174,
  UsersName1700000000177,
  UsersWithRoles1700000000178,
  UsersKeptOut1700000000179,
];
