// Something of each that the management API names, so that what is refused or done is the request.
import { MailMessage } from '../../src/features/mail/mail-message.entity.js';
import { newTraceId } from '../../src/features/traces/traces.js';
import { newId } from '../../src/platform/crypto.js';
import type { Services } from '../../src/services.js';
import { jobFor } from './jobs.js';
import { noticeFor } from './logout-receiver.js';
import { deliveryFor } from './webhook-receiver.js';

/** What stands for `{connection_id}` below an organization, where it is another one than the tenant's. */
export const ofOrganization = (parameter: string): string => `organization ${parameter}`;

/** @returns what exists, by the name of the path parameter. @param name of all of it: twice the same at one tenant is a conflict. */
export async function furnish(services: Services, name = 'there'): Promise<Record<string, string>> {
  const {
    clients,
    initialAccessTokens,
    users,
    resources,
    exchangePolicies,
    trustedIssuers,
    externalSubjects,
    organizations,
    memberships,
    organizationRoles,
    roles,
    teams,
    domains,
    connections,
    webhooks,
    identities,
    invitations,
    invitationTemplates,
    apiKeys,
    protocol,
    traces,
    db,
    clock,
  } = services;
  const { client } = await clients.create({ client_name: 'There', redirect_uris: [`https://${name}.example/cb`] });
  const [secret] = await clients.listSecrets(client);
  const { token } = await initialAccessTokens.issue({});
  const user = await users.create({ email: `${name}@example.com` });
  const resource = await resources.create({ identifier: `urn:${name}`, name: 'There' });
  const policy = await exchangePolicies.create({
    client_id: client.clientId,
    subject_clients: [client.clientId],
    subject_audiences: [resource.identifier],
    resources: [resource.identifier],
  });
  const issuer = await trustedIssuers.create({
    issuer: `https://partner.${name}.example`,
    name: 'There',
    jwks_uri: `https://partner.${name}.example/jwks`,
    clients: [client.clientId],
    resources: [resource.identifier],
    scopes: [],
  });
  const subject = await externalSubjects.link(issuer, { subject: name, user_id: user.id });
  const organization = await organizations.create({ slug: name, name: 'There', owner_id: user.id });
  const member = await users.create({ email: `member@${name}.example` });
  await memberships.add(organization, { user_id: member.id }, { kind: 'added' });
  const stranger = await users.create({ email: `stranger@${name}.example` });
  const role = await organizationRoles.create(null, { key: `clerk-${name}`, name: 'There', rank: 1 });
  const { key: role_key } = await roles.create({ key: `clerk-${user.id}`, name: 'There' });
  const team = await teams.create(organization, { slug: name, name: 'There' });
  const domain = await domains.create(organization, { domain: `${name}.example` });
  const connection = await connections.create(null, { key: name, kind: 'oidc', display_name: 'There' });
  const ownRole = await organizationRoles.create(organization, { key: `own-${name}`, name: 'There', rank: 1 });
  const ownConnection = await connections.create(organization, {
    key: `own-${name}`,
    kind: 'oidc',
    display_name: 'There',
  });
  const { webhook: ownWebhook } = await webhooks.create(organization, {
    url: `https://${name}.example/own`,
    events: ['organization.updated'],
  });
  const identity = await identities.link(user, connection.id, name);
  const { webhook } = await webhooks.create(null, { url: `https://${name}.example/hook`, events: ['client.deleted'] });
  const template = await invitationTemplates.create(organization, { name: 'There', message: 'There' });
  const invitation = await invitations.create(organization, { email: `invited@${name}.example` });
  const { key } = await apiKeys.create({ name: 'There' });
  const uid = `session-${user.id}`;
  const { ProtocolRequest } = await import('../../src/features/protocol/request.js');
  await protocol.sessions.save(new ProtocolRequest(), `handle-${user.id}`, {
    uid,
    accountId: user.id,
    loginTs: 1,
    exp: Math.floor(Date.now() / 1000) + 3600,
  });
  const grant = await protocol.grants.give({ uid, accountId: user.id }, client.clientId, {
    openid: { scope: 'openid' },
  });
  const message = Object.assign(new MailMessage(), {
    id: newId(),
    template: 'account_deleted',
    status: 'failed',
    payloadSealed: 'never opened',
    createdAt: clock.now(),
  });
  await db.repo(MailMessage).insert(message);
  const traceId = newTraceId();
  await traces.keep(traceId, { endpoint: 'token', error: 'invalid_grant', steps: [], findings: [] });
  const notice = await noticeFor(db, clock, { clientId: client.clientId, sessionUid: uid, accountId: user.id });
  return {
    notice_id: notice,
    trace_id: traceId,
    job_id: (await jobFor(db, clock)).id,
    message_id: message.id,
    client_id: client.clientId,
    secret_id: String(secret?.id),
    initial_access_token_id: token.id,
    user_id: user.id,
    stranger_id: stranger.id,
    [ofOrganization('user_id')]: member.id,
    resource_id: resource.id,
    policy_id: policy.id,
    organization: organization.id,
    role: role_key,
    role_id: role.id,
    team_id: team.id,
    domain_id: domain.id,
    connection_id: connection.id,
    webhook_id: webhook.id,
    delivery_id: await deliveryFor(db, clock, webhook),
    identity_id: identity.id,
    invitation_id: invitation.id,
    template_id: template.id,
    api_key_id: key.id,
    issuer_id: issuer.id,
    subject_id: subject.id,
    session_id: uid,
    grant_id: String(grant?.jti),
    [ofOrganization('role_id')]: ownRole.id,
    [ofOrganization('connection_id')]: ownConnection.id,
    [ofOrganization('webhook_id')]: ownWebhook.id,
    [ofOrganization('delivery_id')]: await deliveryFor(db, clock, ownWebhook),
  };
}
