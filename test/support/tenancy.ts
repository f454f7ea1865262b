// Tenants side by side on one server, each furnished alike: what each has given out can be shown at the others. Every word a tenant has
// written carries its mark, so that an answer which tells of it gives itself away.
import { randomBytes } from 'node:crypto';
import { FactorRecovery } from '../../src/features/accounts/factor-recovery.entity.js';
import { Invitation } from '../../src/features/invitations/invitation.entity.js';
import type { Tenant } from '../../src/features/tenants/tenant.entity.js';
import { newTraceId } from '../../src/features/traces/traces.js';
import { managementScopes } from '../../src/management.js';
import { withContext } from '../../src/platform/context.js';
import { ask, makeManager, managementToken } from './api.js';
import type { Browser } from './browser.js';
import { startJob } from './jobs.js';
import { noticeFor } from './logout-receiver.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce, post, signIn, tokensFor } from './party.js';
import { initialAccessTokenFor, plant } from './planted.js';
import { assertionOf, type DpopKey, dpopKey } from './proofs.js';
import type { TestServer } from './server.js';
import { deliveryFor } from './webhook-receiver.js';

export interface House {
  server: TestServer;
  slug: string;
  /** In every name and address that was written here, and in nothing that is shown elsewhere. */
  mark: string;
  email: string;
  /** Has the same client_id and secret in every house: only the tenant tells them apart. */
  party: Party;
  /** Known here and nowhere else. */
  own: Party;
  /** Signs for itself (private_key_jwt), with the same client_id and key in every house. */
  signer: { clientId: string; key: DpopKey };
  apiToken: string;
  apiKey: string;
  browser: Browser;
  tokens: Record<string, string>;
  jwt: string;
  machineToken: string;
  initialAccessToken: string;
  registered: { client_id: string; client_secret: string; registration_access_token: string };
  setupToken: string;
  passwordToken: string;
  lockdownToken: string;
  verificationToken: string;
  signInToken: string;
  recoveryToken: string;
  emailUndoToken: string;
  restoreToken: string;
  invitationToken: string;
  /** Planted: their endpoints are not open. */
  planted: Record<'DeviceCode' | 'BackchannelAuthenticationRequest', string>;
  /** By the names that paths of the API give them. */
  ids: Record<string, string>;
}

/** What is alike in every house. */
export interface Shared {
  secret: string;
  key: DpopKey;
}

export const sharedByAll = async (): Promise<Shared> => ({
  secret: randomBytes(32).toString('base64url'),
  key: await dpopKey(),
});

/** The server as one of its tenants sees it. */
export const at = (server: TestServer, tenant: Tenant): TestServer => ({
  ...server,
  issuer: server.services.tenants.issuerOf(tenant),
  inside: (work) =>
    withContext({ tenantId: tenant.id, actor: { type: 'system', id: 'ostiary' } }, () => work(server.services)),
});

const everyScope = Object.keys(managementScopes).join(' ');
const jwtResource = 'https://trips.example/api';

export async function furnish(server: TestServer, { id: tenantId, slug }: Tenant, shared: Shared): Promise<House> {
  const mark = `mark${randomBytes(6).toString('hex')}`;
  const email = `maria@${mark}.example`;
  // Without the mark: pages show what is typed into them.
  const role = `clerk-${randomBytes(6).toString('hex')}`;
  const person = await makePerson(server, email);
  const metadata = {
    client_name: `Shared of ${mark}`,
    redirect_uris: ['https://rp.example/cb'],
    post_logout_redirect_uris: ['https://rp.example/out'],
    grant_types: [
      'authorization_code',
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:token-exchange',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
    ],
    consent_policy: 'implicit',
  };
  await server.inside(async (services) => {
    const { clients, resources, exchangePolicies, trustedIssuers, externalSubjects, users } = services;
    await clients.create(metadata as never, { clientId: 'shared', secret: shared.secret });
    await clients.create(
      {
        client_name: `Signer of ${mark}`,
        grant_types: ['client_credentials'],
        response_types: [],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...shared.key.jwk, kid: 'one', alg: 'ES256', use: 'sig' }] },
      } as never,
      { clientId: 'signer' },
    );
    await resources.create({ identifier: jwtResource, name: `Trips of ${mark}`, access_token_format: 'jwt' });
    await exchangePolicies.create({
      client_id: 'shared',
      subject_clients: ['shared'],
      subject_audiences: [jwtResource],
      resources: [jwtResource],
    });
    const issuer = await trustedIssuers.create({
      issuer: 'https://partner.example',
      name: `Partner of ${mark}`,
      jwks: { keys: [{ ...shared.key.jwk, alg: 'ES256' }] },
      clients: ['shared'],
      resources: [jwtResource],
      scopes: [],
    });
    await externalSubjects.link(issuer, { subject: 'maria', user_id: person.id });
    await services.roles.create({ key: role, name: `Clerk of ${mark}` });
    await clients.changeRoles(await clients.find('signer'), () => [role]);
    const { organizations, organizationRoles, teams, domains, invitations, invitationTemplates, connections } =
      services;
    const organization = await organizations.create({
      slug: 'here',
      name: `Organization of ${mark}`,
      owner_id: person.id,
    });
    await organizationRoles.create(null, { key: 'clerk', name: `Clerk of ${mark}`, rank: 1 });
    await teams.create(organization, { slug: 'sales', name: `Sales of ${mark}` });
    const theirs = await connections.create(null, {
      key: 'theirs',
      kind: 'oidc',
      display_name: `Provider of ${mark}`,
    });
    await services.identities.link(person, theirs.id, `maria of ${mark}`);
    await connections.create(organization, { key: 'here', kind: 'oidc', display_name: `Own provider of ${mark}` });
    const hook = { url: `https://${mark}.example/hook`, events: ['client.deleted'] };
    const { webhook } = await services.webhooks.create(null, { ...hook, description: `Webhook of ${mark}` });
    await deliveryFor(services.db, services.clock, webhook);
    await services.webhooks.create(organization, hook);
    await domains.create(organization, { domain: `${mark}.example` });
    await invitationTemplates.create(organization, { name: 'Welcome', message: `Welcome of ${mark}` });
    await invitations.create(organization, { email: `invited@${mark}.example` });
    await users.update(await users.find(person.id), { claims: { name: `Person of ${mark}` } });
  });
  const party: Party = { clientId: 'shared', clientSecret: shared.secret, redirectUri: 'https://rp.example/cb' };
  const own = await makeClient(server, { ...metadata, client_name: `Own of ${mark}` });
  const { browser, ...tokens } = await tokensFor(server, party, email);
  // A second account in the same browser: the first one goes to the shelf.
  const second = await makePerson(server, `jonas@${mark}.example`);
  const choice = authorizationUrl(server, party, pkce(), { prompt: 'select_account' });
  await signIn(browser, (await browser.submit(await browser.open(choice), { account: 'other' })).url, second.email);
  const jwt = await tokensFor(server, party, email, { resource: jwtResource });
  const machine = await post(server, '/token', party, { grant_type: 'client_credentials' });

  const manager = await makeManager(server, everyScope);
  const apiToken = await managementToken(server, manager, everyScope);
  const { value: apiKey } = await server.inside(({ apiKeys }) =>
    apiKeys.create({ name: `Key of ${mark}`, scopes: ['clients:read'] }),
  );
  const initialAccessToken = await initialAccessTokenFor(server);
  const traceId = newTraceId();
  const registration = await register(server, initialAccessToken, mark);
  const [setupToken, passwordToken, lockdownToken, emailUndoToken, restoreToken, deviceId, ...letters] =
    await server.inside(async (services) => {
      const { oneTimeTokens, users, passwords, devices, mail, traces, db } = services;
      const [invitation] = await db.repo(Invitation).find();
      await traces.keep(traceId, {
        endpoint: 'token',
        clientId: party.clientId,
        error: `error of ${mark}`,
        steps: [],
        findings: [],
      });
      await mail.send('account_unlocked', email, { at: new Date().toISOString() });
      await noticeFor(db, services.clock, { clientId: party.clientId, sessionUid: 'ended', accountId: person.id });
      const closing = await users.create({ email: `closing@${mark}.example` });
      await users.close(closing, new Date(Date.now() + 3_600_000));
      const admin = await users.create({ email: `admin@${mark}.example` });
      await passwords.set(admin, 'a decent pass phrase 7');
      const data = { email: admin.emailNormalized };
      const recovery = { userId: admin.id, requestedAt: new Date(), readyAt: new Date(Date.now() - 1000) };
      await db.repo(FactorRecovery).insert(Object.assign(new FactorRecovery(), recovery));
      return [
        await oneTimeTokens.issue('setup', 'administrator', { data: {} }),
        await oneTimeTokens.issue('password_reset', person.id, { data: { email } }),
        // Not of the person: their next sign-in brings a newer one.
        await oneTimeTokens.issue('lockdown', admin.id, { data }),
        await oneTimeTokens.issue('email_change_undo', `${person.id}:x`, {
          data: { from: `former@${mark}.example`, to: email, at: new Date().toISOString() },
        }),
        await oneTimeTokens.issue('account_deletion_undo', closing.id, { data: { email: closing.emailNormalized } }),
        (await devices.trust(person, [], 30)) && (await devices.trustedOf(person))[0]?.id,
        await oneTimeTokens.issue('email_verification', admin.id, { data }),
        await oneTimeTokens.issue('magic_link', admin.id, { data, flow: 'another' }),
        await oneTimeTokens.issue('mfa_recovery', admin.id, { data }),
        await oneTimeTokens.issue('invitation', invitation?.id ?? '', { data: {} }),
      ];
    });

  const list = async (path: string) => (await ask(server, apiToken, 'get', path)).body.items as { id: string }[];
  const secrets = await ask(server, apiToken, 'get', `/clients/${own.clientId}/secrets`);
  const [secret] = ('items' in secrets.body ? secrets.body.items : secrets.body) as { id: string }[];
  const issuerId = (await list('/trusted-issuers'))[0]?.id ?? '';
  const organization = (await list('/organizations'))[0]?.id ?? '';
  const ofOrganization = async (what: string) => (await list(`/organizations/${organization}/${what}`))[0]?.id ?? '';
  const grantId = (await list('/grants'))[0]?.id ?? '';
  await actingFor(server, { userId: person.id, grantId, mark });
  const job = await startJob(server, apiToken, { kind: 'audit_export', filter: { actor: `actor of ${mark}` } });
  const webhookId = (await list('/webhooks'))[0]?.id ?? '';
  const ids = {
    user_id: person.id,
    device_id: deviceId ?? '',
    notice_id: (await list('/logout-notices'))[0]?.id ?? '',
    message_id: (await list('/mail-messages'))[0]?.id ?? '',
    client_id: own.clientId,
    secret_id: secret?.id ?? '',
    role,
    resource_id: (await list('/resources'))[0]?.id ?? '',
    policy_id: (await list('/exchange-policies'))[0]?.id ?? '',
    organization,
    role_id: (await list('/organization-roles'))[0]?.id ?? '',
    team_id: await ofOrganization('teams'),
    domain_id: await ofOrganization('domains'),
    connection_id: (await list('/connections'))[0]?.id ?? '',
    webhook_id: webhookId,
    delivery_id: (await list(`/webhooks/${webhookId}/deliveries`))[0]?.id ?? '',
    invitation_id: await ofOrganization('invitations'),
    template_id: await ofOrganization('invitation-templates'),
    // Letters are the same in every house: these are in none, and their words are in a suite of their own.
    name: randomBytes(6).toString('hex'),
    locale: randomBytes(6).toString('hex'),
    issuer_id: issuerId,
    subject_id: (await list(`/trusted-issuers/${issuerId}/subjects`))[0]?.id ?? '',
    initial_access_token_id: (await list('/initial-access-tokens'))[0]?.id ?? '',
    identity_id: (await list(`/users/${person.id}/identities`))[0]?.id ?? '',
    session_id: (await list('/sessions'))[0]?.id ?? '',
    grant_id: grantId,
    impersonation_id: (await list(`/users/${person.id}/impersonations`))[0]?.id ?? '',
    audit_event_id: (await list('/audit-events'))[0]?.id ?? '',
    trace_id: traceId,
    api_key_id: (await list('/api-keys'))[0]?.id ?? '',
    job_id: job.id,
    tenant: tenantId,
  };
  for (const [name, id] of Object.entries(ids)) if (!id) throw new Error(`${slug} has no ${name}`);

  return {
    server,
    slug,
    mark,
    email,
    party,
    own,
    signer: { clientId: 'signer', key: shared.key },
    apiToken,
    apiKey,
    browser,
    tokens: tokens as unknown as Record<string, string>,
    jwt: String(jwt.access_token),
    machineToken: String(machine.body.access_token),
    initialAccessToken,
    registered: registration,
    setupToken: setupToken ?? '',
    passwordToken: passwordToken ?? '',
    lockdownToken: lockdownToken ?? '',
    verificationToken: letters[0] ?? '',
    signInToken: letters[1] ?? '',
    recoveryToken: letters[2] ?? '',
    emailUndoToken: emailUndoToken ?? '',
    restoreToken: restoreToken ?? '',
    invitationToken: letters[3] ?? '',
    planted: {
      DeviceCode: await plant(server, 'DeviceCode', { clientId: 'shared', userCode: 'ABCD-EFGH' }),
      BackchannelAuthenticationRequest: await plant(server, 'BackchannelAuthenticationRequest', { clientId: 'shared' }),
    },
    ids,
  };
}

/** As where an administrator had begun it. */
const actingFor = (server: TestServer, { userId, grantId, mark }: { userId: string; grantId: string; mark: string }) =>
  server.inside(({ db, audit, protocol }) =>
    db.transaction(async () => {
      const until = new Date(Date.now() + 3_600_000);
      const apart = { accountId: userId, clientId: 'shared', acting: { grant: grantId }, until };
      const grant = await protocol.grants.giveActing(apart, { resources: { [jwtResource]: '' } });
      if (!grant) throw new Error('nobody acts');
      const given = { impersonation_id: grant.id, user_id: userId, client_id: 'shared', resource: jwtResource };
      const said = { scope: 'read', reason: `Because of ${mark}`, until: until.toISOString() };
      await withContext({ actor: { type: 'user', id: userId } }, () =>
        audit.record('impersonation.started', { ...given, ...said }),
      );
    }),
  );

/** RFC 7591 §3. */
export async function register(server: TestServer, token: string, mark: string): Promise<House['registered']> {
  const answer = await fetch(`${server.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ redirect_uris: ['https://rp.example/cb'], client_name: `Dynamic of ${mark}` }),
  });
  if (answer.status !== 201) throw new Error(`not registered: ${await answer.text()}`);
  return (await answer.json()) as House['registered'];
}

/** RFC 7523 §3: says of itself, to one issuer, who it is. */
export const assertionFor = ({ signer, server }: House, audience = server.issuer): Promise<string> =>
  assertionOf(signer.key, signer.clientId, audience);

export const cookiesIn = (browser: Browser) =>
  [...browser.cookies.values()].map(({ name, value }) => ({ name, value }));
