// The catalogue of everything that is recorded: event name → what is known about it. A new event is declared here, nowhere else.
// Names are noun.past_tense. Data holds ids and reasons, never a secret, a token or an e-mail address.

/** Of whom: one of the three. Of a key no person is named: nobody's account has got the role. */
type Held = { role: string; user_id?: string; client_id?: string; api_key_id?: string };

type Lockable = { subject_hash: string; user_id: string | null; factor: string };

type Domain = { organization_id: string; domain_id: string };
/** Of the tenant itself where organization_id is null. */
type Connection = { connection_id: string; organization_id: string | null };
type Invitation = { organization_id: string; invitation_id: string };
type ApiKeyEvent = { api_key_id: string; user_id?: string };
/** Of the tenant itself where organization_id is null. */
type Webhook = { webhook_id: string; organization_id: string | null };
type Closed = { of: 'tenant' | 'installation' };
type Identified = { identity_id: string; connection_id: string; user_id: string };

export interface AuditEvents {
  'tenant.created': { tenant_id: string; slug: string };
  'tenant.updated': { tenant_id: string; changed: string[] };
  'tenant.suspended': { tenant_id: string; slug: string };
  'tenant.resumed': { tenant_id: string; slug: string };
  'tenant.deletion_started': { tenant_id: string; slug: string };
  'tenant.deleted': { tenant_id: string; slug: string; rows: Record<string, number> };
  'tenant.setup_link_issued': { tenant_id: string; slug: string };
  'signing_key.created': { kid: string; alg: string };
  'signing_key.rotated': { alg: string; kid: string; previous_kid: string | null; next_kid: string };
  'signing_key.compromised': { kid: string; alg: string };
  'signing_key.retired': { kid: string; alg: string };
  'signing_key.deleted': { kid: string; alg: string };
  'setup.completed': { user_id: string };
  /** `whole`: nothing was left out. */
  'audit_log.exported': { format: string; whole: boolean };
  /** What is older than the tenant keeps has gone. */
  'audit_log.trimmed': { events: number; archived: boolean };
  /** What was sealed does not hang together any more: somebody has changed it. */
  'audit_log.broken': { tenant_id: string };
  /** The administrators were told. */
  'security.alerted': { kind: string; user_id?: string; accounts?: number };
  'apply.completed': { created: number; updated: number };

  'user.created': { user_id: string };
  'user.updated': { user_id: string; changed: string[] };
  'user.disabled': { user_id: string };
  'user.enabled': { user_id: string };
  'user.deleted': { user_id: string };
  'role.created': { role: string };
  'role.updated': { role: string; changed: string[] };
  'role.deleted': { role: string };
  'role.assigned': Held;
  'role.removed': Held;
  'account.deletion_requested': { user_id: string; until: string };
  'account.deletion_withdrawn': { user_id: string };
  /** By the person's own word, when the time to take it back had passed. */
  'account.deleted': { user_id: string };
  'account.exported': { user_id: string };
  'email_change.requested': { user_id: string };
  'email_change.undone': { user_id: string };
  'email.changed': { user_id: string };

  /** It was set before an organization of theirs came to ask for a longer one. */
  'password.change_demanded': { user_id: string };
  'password.set': { user_id: string; must_change: boolean };
  'password.imported': { user_id: string; format: string; weak: boolean };
  'password.rehashed': { user_id: string; format: string };
  'password.link_requested': { user_id: string };
  'password.removed': { user_id: string };
  'registration.repeated': { user_id: string };
  'account.proved': { user_id: string; disowned: boolean };
  'mailbox.letter_requested': { user_id: string | null; purpose: string };
  'factor.added': { user_id: string; factor: string };
  /** `added_at` (ISO 8601): how long the account had it. */
  'factor.removed': { user_id: string; factor: string; added_at?: string };
  'passkey.added': { user_id: string; credential_id: string; aaguid: string; device_bound: boolean };
  'passkey.renamed': { user_id: string; credential_id: string };
  'passkey.removed': { user_id: string; credential_id: string; added_at: string };
  /** Its signature counter went back (WebAuthn §6.1.1): there may be two of it. */
  'passkey.flagged': { user_id: string; credential_id: string; stored: number; presented: number };
  'recovery_codes.renewed': { user_id: string };
  'recovery_codes.used': { user_id: string };
  'recovery.requested': { user_id: string; ready_at: string };
  'recovery.cancelled': { user_id: string };
  'recovery.completed': { user_id: string };
  'device.remembered': { user_id: string; device_id: string; days: number };
  'device.forgotten': { user_id: string; device_id: string; reason: string };
  /** `decision` is what was advised; whether it was followed is the tenant's choice, and `admitted` says what became of it. */
  'sign_in.noticed': { user_id: string; decision: string; score: number; reasons: string[]; admitted: boolean };
  'account.locked_down': { user_id: string };
  'sign_in.succeeded': { user_id: string; amr: string[]; client_id: string | null };
  'sign_in.failed': Lockable & { reason: SignInFailure };
  'account.locked': Lockable & { until: string; lockout_count: number };
  'account.locked_repeatedly': Lockable & { count: number };
  'account.unlocked': Lockable;

  'client.created': { client_id: string; dynamic: boolean; initial_access_token_id?: string };
  'client.updated': { client_id: string; changed: string[] };
  /** It is held to less from now on. */
  'client.profile_lowered': { client_id: string; from: string | null; to: string | null };
  'client.deleted': { client_id: string };
  'client.disabled': { client_id: string };
  'client.enabled': { client_id: string };
  'client.secret_added': { client_id: string; secret_id: string };
  'client.secret_removed': { client_id: string; secret_id: string };

  'domain.added': Domain;
  'domain.updated': Domain & { changed: string[] };
  'domain.removed': Domain;
  'domain.verified': Domain;
  /** DNS has not said for three days in a row that it is theirs. */
  'domain.lost': Domain;
  'invitation.created': Invitation & { role: string };
  'invitation.resent': Invitation;
  'invitation.cancelled': Invitation;
  'invitation.expired': Invitation;
  'invitation.declined': Invitation;
  'invitation.accepted': Invitation & { user_id: string };
  'invitation_template.created': { organization_id: string; template_id: string };
  'invitation_template.updated': { organization_id: string; template_id: string; changed: string[] };
  'invitation_template.deleted': { organization_id: string; template_id: string };

  /** `reason`: of a check, or of who was spoken of; `trace_id`: what was seen. */
  'federation.refused': { connection_id: string; reason: string; trace_id: string; user_id?: string };
  'identity.linked': Identified & { by: 'sign_in' | 'domain' | 'owner' | 'administrator' };
  'identity.unlinked': Identified & { by: 'owner' | 'administrator' | 'disowned' | 'privileged' | 'locked_down' };
  /** What an identity provider said of somebody has changed what they are here. */
  'user.provisioned': Identified & { created: boolean; changed: string[] };

  'initial_access_token.issued': { initial_access_token_id: string; uses: number };
  'initial_access_token.revoked': { initial_access_token_id: string };

  /** `user_id` where it is a person's. */
  'api_key.created': ApiKeyEvent & { environment: string; scopes: string[]; resources: string[] };
  'api_key.updated': ApiKeyEvent & { changed: string[] };
  'api_key.rotated': ApiKeyEvent & { overlap_seconds: number };
  'api_key.revoked': ApiKeyEvent & { reason: string };
  /** A key that was not good, though it had been; once a minute for each. */
  'api_key.refused': ApiKeyEvent & { reason: string };

  /** Asked from where the tenant does not allow it; a few of each hour. */
  'api.refused': { reason: string };

  'resource.created': { resource_id: string; identifier: string };
  'resource.updated': { resource_id: string; identifier: string; changed: string[] };
  'resource.deleted': { resource_id: string; identifier: string };

  'organization.created': { organization_id: string; slug: string };
  'organization.updated': { organization_id: string; changed: string[] };
  'organization.deleted': { organization_id: string; slug: string };
  'organization.suspended': { organization_id: string };
  'organization.resumed': { organization_id: string };
  /** `how` they came in: added, created, invitation, domain, connection, default or personal. */
  'membership.added': { organization_id: string; user_id: string; role: string; how: string };
  'membership.changed': { organization_id: string; user_id: string; role: string; previous_role: string };
  'membership.removed': { organization_id: string; user_id: string; by: 'themselves' | 'others' | 'account_deleted' };
  'membership.suspended': { organization_id: string; user_id: string };
  'membership.resumed': { organization_id: string; user_id: string };

  /** Of one organization, or of every one of the tenant. */
  'organization_role.created': { role_id: string; organization_id: string | null; key: string };
  'organization_role.updated': { role_id: string; organization_id: string | null; changed: string[] };
  'organization_role.deleted': { role_id: string; organization_id: string | null; key: string };
  'team.created': { organization_id: string; team_id: string; slug: string };
  'team.updated': { organization_id: string; team_id: string; changed: string[] };
  'team.deleted': { organization_id: string; team_id: string; slug: string };
  'team.member_added': { organization_id: string; team_id: string; user_id: string };
  'team.member_removed': { organization_id: string; team_id: string; user_id: string };

  'mail.retried': { message_id: string };

  'webhook.created': Webhook;
  'webhook.updated': Webhook & { changed: string[] };
  'webhook.deleted': Webhook;
  'webhook.enabled': Webhook;
  /** `reason`: an administrator, or what its receiver answered, for days or once. */
  'webhook.disabled': Webhook & { reason: 'administrator' | 'failing' | 'gone' };
  'webhook.secret_rotated': Webhook;
  /** Asked for, to try it: sent to this one and to no other. */
  'webhook.test': Webhook;
  'webhook.replayed': Webhook & { deliveries: number };

  /** A relying party said that it knows of the end of a session. */
  'logout.delivered': { client_id: string; session_id: string; user_id: string; attempts: number };
  'logout.given_up': { client_id: string; session_id: string; user_id: string; reason: string };
  'logout.retried': { notice_id: string };

  'session.started': { session_id: string; user_id: string; amr: string[] };
  /** Shown from another place than it was signed in from. */
  'session.moved': { session_id: string; user_id: string; moved: string[]; decision: string };
  'session.ended': { session_id: string; user_id: string; reason: string };
  'sessions.ending_requested': {
    before: string;
    client_id: string | null;
    kept_session_id: string | null;
    reason: string;
  };
  'grant.given': {
    grant_id: string;
    user_id: string;
    client_id: string;
    scope: string;
    organization_id?: string;
    /** Types of what was agreed to this once (RFC 9396). */
    authorization_details_types?: string[];
    /** Given without a session, and how. */
    origin?: string;
    parent_grant_id?: string;
  };
  /** Who exchanged whose token for which resource (RFC 8693), and who acts: nobody where the person is impersonated. */
  'token.exchanged': {
    /** Nothing stands behind a token of an API key that speaks for itself. */
    grant_id: string | null;
    /** On which the subject token stands; nothing, where it is of a trusted issuer. */
    parent_grant_id: string | null;
    user_id: string | null;
    client_id: string;
    subject_client_id: string | null;
    subject_issuer_id: string | null;
    api_key_id?: string;
    actor: string | null;
    resource: string;
    scope: string;
    policy_id: string;
  };
  'exchange_policy.created': { policy_id: string; client_id: string };
  'exchange_policy.updated': { policy_id: string; client_id: string; changed: string[] };
  'exchange_policy.deleted': { policy_id: string; client_id: string };
  /** A client showed what a trusted issuer says of a person (RFC 7523 §2.1), and was given a token for it. */
  'assertion.accepted': {
    grant_id: string;
    user_id: string;
    client_id: string;
    issuer_id: string;
    resource: string;
    scope: string;
  };
  'connection.created': Connection & { kind: string };
  'connection.updated': Connection & { changed: string[] };
  'connection.enabled': Connection;
  'connection.disabled': Connection;
  /** `identities`: how many people were known by it, and are not any more. */
  'connection.deleted': Connection & { identities: number };
  /** A new key is published first, and used by the next step. */
  'connection.keys_rotated': { connection_id: string; step: 'published' | 'used' };
  'connection.metadata_refreshed': { connection_id: string };
  'connection.metadata_failed': { connection_id: string; reason: string };
  'trusted_issuer.created': { issuer_id: string; issuer: string };
  'trusted_issuer.updated': { issuer_id: string; changed: string[] };
  'trusted_issuer.disabled': { issuer_id: string };
  'trusted_issuer.enabled': { issuer_id: string };
  'trusted_issuer.deleted': { issuer_id: string };
  'external_subject.linked': { issuer_id: string; subject_id: string; user_id: string };
  'external_subject.unlinked': { issuer_id: string; subject_id: string; user_id: string };
  /** Of whom a class was not asked that their organization asks for, and why not. */
  'organization.proof_bypassed': { organization_id: string; user_id: string; client_id: string; reason: string };
  'grant.revoked': { grant_id: string; user_id: string | null; client_id: string; reason: string };
  'device_code.approved': { client_id: string; user_id: string; grant_id: string };
  /** `reason` is what the device is told (RFC 8628 §3.5). */
  'device_code.denied': { client_id: string; reason: string };
  'backchannel_request.made': { request_id: string; user_id: string; client_id: string };
  'backchannel_request.approved': { request_id: string; user_id: string; client_id: string; grant_id: string };
  'backchannel_request.denied': { request_id: string; user_id: string; client_id: string };
  'backchannel_request.ping_given_up': { request_id: string; client_id: string; reason: string };
  'token.reused': { grant_id: string; client_id: string; reason: string };
  'authorization_code.reused': { grant_id: string; client_id: string };
  'maintenance.started': Closed & { until: string | null };
  'maintenance.updated': Closed & { until: string | null };
  /** `since`: when it had begun. */
  'maintenance.ended': Closed & { since: string };
}

export type SignInFailure =
  | 'unknown_user'
  | 'wrong_password'
  | 'no_password'
  | 'disabled'
  | 'unproved'
  | 'locked'
  | 'wrong_code'
  | 'stale_challenge'
  | 'unknown_passkey'
  | 'wrong_passkey'
  | 'not_verified'
  | 'counter_regressed'
  | 'used_up';

export type AuditEventName = keyof AuditEvents;
