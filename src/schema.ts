// Every table's entity. What makes the tables: migrations.ts.
import { FactorRecovery } from './features/accounts/factor-recovery.entity.js';
import { Registration } from './features/accounts/registration.entity.js';
import { ApiKey } from './features/api-keys/api-key.entity.js';
import { AuditEvent } from './features/audit/audit-event.entity.js';
import { BackchannelRequest } from './features/backchannel-requests/backchannel-request.entity.js';
import { BrandLogo } from './features/branding/brand-logo.entity.js';
import { Client } from './features/clients/client.entity.js';
import { ClientSecret } from './features/clients/client-secret.entity.js';
import { InitialAccessToken } from './features/clients/registration/initial-access-token.entity.js';
import { Connection } from './features/connections/connection.entity.js';
import { ConnectionKey } from './features/connections/connection-key.entity.js';
import { Identity } from './features/connections/identity.entity.js';
import { LockoutRecord } from './features/credentials/lockout-record.entity.js';
import { LoginFailure } from './features/credentials/login-failure.entity.js';
import { Passkey } from './features/credentials/passkey.entity.js';
import { PasskeyUser } from './features/credentials/passkey-user.entity.js';
import { PasswordCredential } from './features/credentials/password-credential.entity.js';
import { RecoveryCode } from './features/credentials/recovery-code.entity.js';
import { TotpCredential } from './features/credentials/totp-credential.entity.js';
import { Device } from './features/devices/device.entity.js';
import { OrganizationDomain } from './features/domains/domain.entity.js';
import { ExchangePolicy } from './features/exchange/exchange-policy.entity.js';
import { Invitation } from './features/invitations/invitation.entity.js';
import { InvitationTemplate } from './features/invitations/invitation-template.entity.js';
import { Job } from './features/jobs/job.entity.js';
import { JobChunk } from './features/jobs/job-chunk.entity.js';
import { SigningKey } from './features/keys/signing-key.entity.js';
import { LogoutNotice } from './features/logout/logout-notice.entity.js';
import { MailMessage } from './features/mail/mail-message.entity.js';
import { MailTemplate } from './features/mail/mail-template.entity.js';
import { OneTimeToken } from './features/one-time-tokens/one-time-token.entity.js';
import { Membership } from './features/organizations/membership.entity.js';
import { MembershipEvent } from './features/organizations/membership-event.entity.js';
import { Organization } from './features/organizations/organization.entity.js';
import { OrganizationRole } from './features/organizations/organization-role.entity.js';
import { Team } from './features/organizations/team.entity.js';
import { Resource } from './features/resources/resource.entity.js';
import { KnownNetwork } from './features/risk/known-network.entity.js';
import { Role } from './features/roles/role.entity.js';
import { Tenant } from './features/tenants/tenant.entity.js';
import { Trace } from './features/traces/trace.entity.js';
import { ExternalSubject } from './features/trusted-issuers/external-subject.entity.js';
import { TrustedIssuer } from './features/trusted-issuers/trusted-issuer.entity.js';
import { User } from './features/users/user.entity.js';
import { WebhookDelivery } from './features/webhooks/webhook-delivery.entity.js';
import { WebhookEndpoint } from './features/webhooks/webhook-endpoint.entity.js';

export const entities = [
  Tenant,
  AuditEvent,
  SigningKey,
  User,
  PasswordCredential,
  TotpCredential,
  RecoveryCode,
  PasskeyUser,
  Passkey,
  LoginFailure,
  LockoutRecord,
  Device,
  KnownNetwork,
  OneTimeToken,
  Client,
  ClientSecret,
  InitialAccessToken,
  Resource,
  MailMessage,
  Registration,
  FactorRecovery,
  LogoutNotice,
  ExchangePolicy,
  TrustedIssuer,
  ExternalSubject,
  BackchannelRequest,
  Trace,
  Organization,
  OrganizationRole,
  Membership,
  Team,
  MembershipEvent,
  OrganizationDomain,
  InvitationTemplate,
  Invitation,
  Connection,
  ConnectionKey,
  Identity,
  ApiKey,
  Role,
  WebhookEndpoint,
  WebhookDelivery,
  BrandLogo,
  MailTemplate,
  Job,
  JobChunk,
];
