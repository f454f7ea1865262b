// A server on which something of every kind is stored: clients of each kind, people, tokens, links, sign-ins that have begun.
import { exportJWK, generateKeyPair } from 'jose';
import { deriveKey } from '../../src/platform/crypto.js';
import { Browser } from './browser.js';
import { noticeFor } from './logout-receiver.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, pkce, tokensFor } from './party.js';
import { initialAccessTokenFor } from './planted.js';
import { startServer } from './server.js';
import { swift } from './swift.js';

export type StoredHouse = Awaited<ReturnType<typeof openStoredHouse>>;

export const now = () => Math.floor(Date.now() / 1000);
export const bearer = (value: string) => ({ authorization: `Bearer ${value}` });

export async function openStoredHouse() {
  const server = await startServer({ quiet: true });
  const { email } = await makePerson(server);
  const party = await makeClient(server);
  const poster = await makeClient(server, { token_endpoint_auth_method: 'client_secret_post' });
  const clientKeys = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(clientKeys.publicKey);
  const signer = await makeClient(server, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...jwk, kid: 'k', alg: 'ES256', use: 'sig' }] },
  });

  function ask(path: string, form: Record<string, string>, as?: Party) {
    const credentials = as && `${encodeURIComponent(as.clientId)}:${encodeURIComponent(as.clientSecret)}`;
    const headers: Record<string, string> = credentials
      ? { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
      : {};
    return swift(`${server.issuer}${path}`, { method: 'POST', form, headers });
  }

  const get = (path: string, headers: Record<string, string> = {}) =>
    swift(`${server.issuer}${path}`, { headers: { accept: 'text/html, application/json;q=0.9', ...headers } });

  const parameters = (of: Party, more: Record<string, string> = {}) =>
    Object.fromEntries(new URL(authorizationUrl(server, of, pkce(), more)).searchParams) as Record<string, string>;

  const pushed = async () =>
    String((await ask('/par', parameters(party), party)).body.request_uri)
      .split(':')
      .pop() ?? '';

  const machine = await makeClient(server, {
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    scope: 'clients:read',
  });
  const initialAccessToken = await initialAccessTokenFor(server);
  const oneTime = { setup: '', password: '' };
  const cookieKey = await server.inside(async ({ oneTimeTokens, tenants, users, config, passwordLinks, db, clock }) => {
    const user = await users.findByEmail(email);
    if (!user) throw new Error('nobody');
    await passwordLinks.send(user);
    await noticeFor(db, clock, { clientId: party.clientId, sessionUid: 'ended', accountId: user.id });
    oneTime.setup = await oneTimeTokens.issue('setup', 'administrator', { data: {} });
    oneTime.password = await oneTimeTokens.issue('password_reset', user.id, { data: { email } });
    const { id } = await tenants.ensureDefault();
    return deriveKey(config.cookieKeys[0] ?? '', `cookies:${id}`).toString('base64url');
  });
  const registration = await swift(`${server.issuer}/register`, {
    method: 'POST',
    headers: bearer(initialAccessToken),
    json: { redirect_uris: ['https://rp.example/cb'] },
  });
  const registered = registration.body as { client_id: string; registration_access_token: string };
  const form = { grant_type: 'client_credentials', resource: `${server.issuer}/api`, scope: 'clients:read' };
  const apiToken = String((await ask('/token', form, machine)).body.access_token);
  const { value: apiKey } = await server.inside(({ apiKeys }) =>
    apiKeys.create({ name: 'Kept', scopes: ['clients:read'] }),
  );
  const { browser, ...tokens } = await tokensFor(server, party, email);
  // Left open: a code, a pushed request, a sign-in that has begun.
  codeOf(await browser.open(authorizationUrl(server, party, pkce(), { prompt: 'none' })));
  await pushed();
  await new Browser().open(authorizationUrl(server, party, pkce()));
  return {
    server,
    email,
    party,
    poster,
    signer,
    clientKeys,
    registered,
    initialAccessToken,
    apiToken,
    apiKey,
    cookieKey,
    oneTime,
    browser,
    tokens,
    ask,
    get,
    parameters,
    pushed,
  };
}
