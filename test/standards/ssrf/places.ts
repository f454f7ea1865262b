// Each address that this server calls because somebody has said it: where it is said, how it comes to be called, and whether what it answers is taken.
import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { BackchannelRequest } from '../../../src/features/backchannel-requests/backchannel-request.entity.js';
import { BackchannelPings } from '../../../src/features/backchannel-requests/pings.js';
import { Connection } from '../../../src/features/connections/connection.entity.js';
import { GivenSettings } from '../../../src/features/connections/connection.settings.js';
import { CreateWebhook } from '../../../src/features/webhooks/webhook.schema.js';
import { newId } from '../../../src/platform/crypto.js';
import { ask, tokenWith } from '../../support/api.js';
import { back, makeResources } from '../../support/exchanging.js';
import { noticeFor } from '../../support/logout-receiver.js';
import { until } from '../../support/pair.js';
import { authorizationUrl, makeClient, makePerson, pkce, post } from '../../support/party.js';
import { initialAccessTokenFor } from '../../support/planted.js';
import { assertionOf, type DpopKey } from '../../support/proofs.js';
import { HonestIdp } from '../../support/saml/honest-idp.js';
import { samlKey } from '../../support/saml/keys.js';
import type { TestServer } from '../../support/server.js';
import { goodAnswers, placesOfConnections } from './connections.js';

const CIBA = 'urn:openid:params:grant-type:ciba';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const redirectUri = 'https://rp.example/cb';
const DISCOVERY = '/.well-known/openid-configuration';
const idp = new HonestIdp('https://idp.example', samlKey());

/** @returns why it was not taken, `said` where it was not even to be said; undefined where it was taken. */
type Call = (url: string) => Promise<string | undefined>;

export interface Place {
  /** Where a good answer lies. */
  path: string;
  call: Call;
  /** Of an answer: all of it, and none that is too long, unless it is the beginning that is kept. */
  reads?: 'beginning';
  /** How often its host is looked up until it is called: once, unless something else lies there too. */
  looks?: number;
}

/** Every file that calls out, and the places by which it is reached. Turnstile lies at an address of ours, which nobody says; the bucket of the archive at the operator's (features/audit-bucket). */
export const callers: Readonly<Record<string, readonly string[]>> = {
  'features/backchannel-requests/pings.ts': ['backchannel_client_notification_endpoint'],
  'features/clients/documents/metadata-documents.ts': ['client_id'],
  'features/connections/connection-refresh.ts': ['metadata_url of a connection', 'issuer of a connection'],
  'features/logout/logout-encryption.ts': ['jwks_uri of who gets encrypted Logout Tokens'],
  'features/logout/logout-notices.ts': ['backchannel_logout_uri'],
  'features/trusted-issuers/issuer-keys.ts': ['jwks_uri of a trusted issuer'],
  'features/webhooks/webhook-attempts.ts': ['url of a webhook'],
  'federation/upstream-client.ts': [
    'token_endpoint of a connection',
    'userinfo_endpoint of a connection',
    'emails_endpoint of a connection',
  ],
  'oidc/configuration/clients.ts': ['jwks_uri', 'jwks_uri of a document', 'sector_identifier_uri'],
  'platform/bucket.ts': [],
  'wiring/ground.ts': [],
};

/** Of documents, by their path: where their keys are. */
const keysOf = new Map<string, string>();

/** What the server answers that may be called. */
export const goodAnswer = (path: string, host: string, keys: readonly object[]): unknown => {
  if (path === '/sector') return [redirectUri];
  if (path in goodAnswers) return goodAnswers[path];
  if (path === '/saml') return idp.metadata();
  if (path === DISCOVERY)
    return {
      issuer: `https://${host}`,
      authorization_endpoint: `https://${host}/authorize`,
      token_endpoint: `https://${host}/token`,
      jwks_uri: `https://${host}/keys`,
    };
  if (!path.startsWith('/document')) return { keys };
  const jwks_uri = keysOf.get(path);
  const means = jwks_uri === undefined ? {} : { token_endpoint_auth_method: 'private_key_jwt', jwks_uri };
  return { client_id: `https://${host}${path}`, client_name: 'Tool', redirect_uris: [redirectUri], ...means };
};

/** @param listed where a server is that may be called, and has documents and keys. */
export async function placesOf(server: TestServer, key: DpopKey, listed: string): Promise<Record<string, Place>> {
  const token = await tokenWith(server, 'clients:write issuers:write');
  const initial = await initialAccessTokenFor(server);
  const form = async (path: string, body: Record<string, string>) => {
    const response = await fetch(`${server.issuer}${path}`, { method: 'POST', body: new URLSearchParams(body) });
    return { ok: response.ok, text: await response.text() };
  };
  /** @returns its id, undefined where it may not be. */
  const client = async (metadata: object) => {
    const made = await ask(server, token, 'post', '/clients', metadata);
    if (made.status !== 201 && made.status !== 422) throw new Error(JSON.stringify(made.body));
    return made.status === 422 ? undefined : String(made.body.client_id);
  };
  const proved = async (clientId: string) => ({
    client_id: clientId,
    client_assertion_type: assertionType,
    client_assertion: await assertionOf(key, clientId, server.issuer),
  });

  /** RFC 7523 §3: fetched to verify what the client has signed. */
  const jwksUri: Call = async (jwks_uri) => {
    const clientId = await client({
      grant_types: ['client_credentials'],
      response_types: [],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri,
    });
    if (!clientId) return 'said';
    const { ok, text } = await form('/token', { grant_type: 'client_credentials', ...(await proved(clientId)) });
    return ok ? undefined : text;
  };

  /** OpenID Connect Core §8.1: fetched when a client registers itself. */
  const sectorIdentifierUri: Call = async (sector_identifier_uri) => {
    const response = await fetch(`${server.issuer}/register`, {
      method: 'POST',
      headers: { authorization: `Bearer ${initial}`, 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [redirectUri], subject_type: 'pairwise', sector_identifier_uri }),
    });
    const text = await response.text();
    return response.ok ? undefined : text;
  };

  /** OpenID Connect Back-Channel Logout 1.0 §2.5: called by a job. */
  const told = async (metadata: object) => {
    const clientId = await client({ redirect_uris: [redirectUri], ...metadata });
    if (!clientId) return 'said';
    return server.inside(async ({ db, clock, logoutNotices }) => {
      const notice_id = await noticeFor(db, clock, { clientId, sessionUid: 'ended', accountId: randomUUID() });
      return why(logoutNotices.deliver({ notice_id, client_id: clientId }));
    });
  };
  const backchannelLogoutUri: Call = (backchannel_logout_uri) => told({ backchannel_logout_uri });
  /** §2.4: its key is looked for where the client publishes it. */
  const encryptionKeys: Call = (jwks_uri) =>
    told({ backchannel_logout_uri: `${listed}/ok`, id_token_encrypted_response_alg: 'ECDH-ES', jwks_uri });

  /** OpenID Connect CIBA §10.2: called by a job, of one request here. */
  const ping = (backchannel_client_notification_endpoint: string) => ({
    redirect_uris: [],
    response_types: [],
    grant_types: [CIBA],
    backchannel_token_delivery_mode: 'ping',
    backchannel_client_notification_endpoint,
  });
  const { email: login_hint } = await makePerson(server);
  const asking = await makeClient(server, ping(`${listed}/ok`));
  const asked = { scope: 'openid', login_hint, client_notification_token: 'their-own-token-of-this-request' };
  const answer = await post(server, '/backchannel', asking, asked);
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  const request = await server.inside(({ db }) => db.repo(BackchannelRequest).findOneBy({ clientId: asking.clientId }));
  const notificationEndpoint: Call = async (endpoint) => {
    const clientId = await client(ping(endpoint));
    if (!clientId) return 'said';
    return server.inside(({ db, jobs, protocol, audit, egress }) => {
      const pings = new BackchannelPings(db, jobs, protocol.backchannelCodes, audit, egress);
      return why(pings.deliver({ request_id: String(request?.id), client_id: clientId }));
    });
  };

  /** RFC 7523 §2.1: fetched to verify what the issuer has signed. */
  await makeResources(server);
  const machine = await makeClient(server, { grant_types: [JWT_BEARER], response_types: [], redirect_uris: [] });
  const person = await makePerson(server);
  const issuerJwksUri: Call = async (jwks_uri) => {
    const issuer = `https://${randomUUID()}.example`;
    const members = { name: 'Partner', clients: [machine.clientId], resources: [back], scopes: ['read'] };
    const made = await ask(server, token, 'post', '/trusted-issuers', { issuer, jwks_uri, ...members });
    if (made.status === 422) return 'said';
    await server.inside(async ({ trustedIssuers, externalSubjects }) =>
      externalSubjects.link(await trustedIssuers.find(String(made.body.id)), { subject: 'theirs', user_id: person.id }),
    );
    const assertion = await new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer(issuer)
      .setSubject('theirs')
      .setAudience(server.issuer)
      .setIssuedAt()
      .setExpirationTime('1 minute')
      .sign(key.privateKey);
    const { status, body } = await post(server, '/token', machine, {
      grant_type: JWT_BEARER,
      assertion,
      resource: back,
    });
    return status === 200 ? undefined : JSON.stringify(body);
  };

  /** SAML Metadata §4.1, OpenID Connect Discovery 1.0 §4: read when somebody asks for it, and by a job. */
  const readBy = async (kind: 'saml' | 'oidc', settings: object) => {
    const storedSettings = { [kind]: settings };
    if (!GivenSettings.safeParse(storedSettings).success) return 'said';
    const now = new Date();
    const row = { id: newId(), key: `c-${randomUUID()}`, kind, displayName: 'Provider', storedSettings };
    const connection = Object.assign(new Connection(), { ...row, createdAt: now, updatedAt: now });
    return server.inside(async ({ db, connectionRefresh }) => {
      await db.repo(Connection).insert(connection);
      const { upstreamAt, upstreamError } = await connectionRefresh.refresh(connection);
      await db.repo(Connection).delete({ id: row.id });
      return upstreamAt ? (upstreamError ?? undefined) : 'not asked';
    });
  };
  const metadataUrl: Call = (metadata_url) => readBy('saml', { metadata_url });
  const providerIssuer: Call = (url) => readBy('oidc', { client_id: 'us', issuer: url.replace(DISCOVERY, '') });

  /** Standard Webhooks 1.0: called by a loop of its own. */
  const webhookUrl: Call = async (url) => {
    const given = CreateWebhook.safeParse({ url, events: ['client.deleted'] });
    if (!given.success) return 'said';
    return server.inside(async ({ webhooks, webhookDeliveries }) => {
      const { webhook } = await webhooks.create(null, given.data);
      const { eventId } = await webhookDeliveries.test(webhook);
      const log = async () => (await webhookDeliveries.find(webhook, eventId)).log;
      await until('it was tried', async () => (await log()).length > 0, 15_000);
      const [attempt] = await log();
      await webhooks.delete(null, webhook);
      return attempt?.error ?? undefined;
    });
  };

  /** OAuth Client ID Metadata Document §4: the client is the address. */
  const tenant = await server.services.tenants.find('default');
  const settings = { protocol: { client_id_metadata_documents: { hosts: ['*'] } } };
  await server.services.tenants.update(tenant, { settings });
  await until('documents are read', async () =>
    (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).text()).includes('metadata_document'),
  );
  const clientId: Call = async (url) => {
    const party = { clientId: url, clientSecret: '', redirectUri };
    const response = await fetch(authorizationUrl(server, party, pkce()), { redirect: 'manual' });
    const text = await response.text();
    return response.status === 303 ? undefined : text;
  };
  /** RFC 7523 §3, said by the document. */
  const documentKeys: Call = async (jwks_uri) => {
    const path = `/document/${randomUUID()}`;
    keysOf.set(path, jwks_uri);
    // Keys are at the document's own host, or nowhere.
    const at = jwks_uri.endsWith(`:${new URL(listed).port}/keys`) ? new URL(jwks_uri).origin : listed;
    const { ok, text } = await form('/revoke', { token: 'none', ...(await proved(`${at}${path}`)) });
    return ok ? undefined : text;
  };

  return {
    jwks_uri: { path: '/keys', call: jwksUri },
    sector_identifier_uri: { path: '/sector', call: sectorIdentifierUri },
    backchannel_logout_uri: { path: '/ok', call: backchannelLogoutUri },
    'jwks_uri of who gets encrypted Logout Tokens': { path: '/keys', call: encryptionKeys },
    backchannel_client_notification_endpoint: { path: '/ok', call: notificationEndpoint },
    'jwks_uri of a trusted issuer': { path: '/keys', call: issuerJwksUri },
    'metadata_url of a connection': { path: '/saml', call: metadataUrl },
    'issuer of a connection': { path: DISCOVERY, call: providerIssuer },
    'url of a webhook': { path: '/ok', call: webhookUrl, reads: 'beginning' },
    client_id: { path: '/document', call: clientId },
    'jwks_uri of a document': { path: '/keys', call: documentKeys, looks: 2 },
    ...placesOfConnections(server, listed),
  };
}

/** @returns the reason with which a job failed. */
const why = (job: Promise<void>) =>
  job.then(
    () => undefined,
    (error: Error) => error.message.replace(/.*: /, ''),
  );
