import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../../support/browser.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  pkce,
  post,
  redeem,
  signIn,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('pushed authorization requests (RFC 9126)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  const browser = new Browser();

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    ({ email } = await makePerson(server));
  }, 180_000);
  afterAll(() => server?.close());

  const parameters = (proof = pkce(), more: Record<string, string> = {}) =>
    Object.fromEntries(new URL(authorizationUrl(server, party, proof, more)).searchParams);
  const addressOf = (requestUri: string, client = party) =>
    `${server.issuer}/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: requestUri })}`;

  it('answers 201 with a request_uri and its lifetime, which nobody stores (§2.2)', async () => {
    const { status, body, headers } = await post(server, '/par', party, parameters());
    expect([status, headers.get('cache-control')]).toEqual([201, 'no-store']);
    expect(body).toEqual({
      request_uri: expect.stringMatching(/^urn:ietf:params:oauth:request_uri:[\w-]{22,}$/),
      expires_in: 60,
    });
  });

  it('is the request that is made with it (§4)', async () => {
    const proof = pkce();
    const { body } = await post(server, '/par', party, parameters(proof, { state: 'pushed' }));
    const page = await signIn(browser, addressOf(String(body.request_uri)), email);
    expect(new URL(page.url).searchParams.get('state')).toBe('pushed');
    expect((await redeem(server, party, codeOf(page), proof)).status).toBe(200);
  });

  it.each([
    ['without client authentication (§2)', { client_secret: '' }, 401, 'invalid_client'],
    [
      'with a request_uri of its own (§2.1)',
      { request_uri: 'urn:ietf:params:oauth:request_uri:x' },
      400,
      'request_uri_not_supported',
    ],
    [
      'with a redirect_uri that is not registered (§2.3)',
      { redirect_uri: 'https://evil.example/' },
      400,
      'invalid_request',
    ],
    ['without PKCE (§2.3)', { code_challenge: '' }, 400, 'invalid_request'],
    ['with a response_type it has not (§2.3)', { response_type: 'none' }, 400, 'invalid_request'],
  ])('refuses a request %s', async (_name, more: Record<string, string>, status, error) => {
    const { client_secret, ...form } = more;
    const sender = client_secret === '' ? { ...party, clientSecret: 'wrong'.repeat(9) } : party;
    const answer = await post(server, '/par', sender, parameters(pkce(), form));
    expect([answer.status, answer.body.error]).toEqual([status, error]);
  });

  it('serves no other client, and is not burnt by it (§2.2)', async () => {
    const { body } = await post(server, '/par', party, parameters());
    const other = await makeClient(server, { consent_policy: 'implicit' });
    const page = await browser.open(addressOf(String(body.request_uri), other));
    expect([page.status, new URL(page.url).pathname]).toEqual([400, '/authorize']);
    codeOf(await signIn(browser, addressOf(String(body.request_uri)), email));
  });

  it('is not changed by what stands beside it (§4, RFC 9101 §6.3)', async () => {
    const { body } = await post(server, '/par', party, parameters(pkce(), { state: 'pushed' }));
    const beside = new URLSearchParams({ redirect_uri: 'https://evil.example/', state: 'beside' });
    const page = await signIn(browser, `${addressOf(String(body.request_uri))}&${beside}`, email);
    expect(page.url.startsWith(party.redirectUri)).toBe(true);
    expect(new URL(page.url).searchParams.get('state')).toBe('pushed');
  });

  it('takes the POST method alone (§2.3)', async () => {
    for (const method of ['GET', 'PUT'])
      expect((await fetch(`${server.issuer}/par`, { method })).status).toBeGreaterThanOrEqual(404);
  });

  it('answers invalid_request_uri, on a page, to one that is spent, unknown or expired (§4, §7.3)', async () => {
    const { body } = await post(server, '/par', party, parameters());
    const spent = String(body.request_uri);
    codeOf(await signIn(browser, addressOf(spent), email));
    for (const uri of [spent, 'urn:ietf:params:oauth:request_uri:nobody-has-pushed-this-one']) {
      const page = await browser.open(addressOf(uri));
      expect([page.status, new URL(page.url).pathname]).toEqual([400, '/authorize']);
    }
  });

  describe('where they are required', () => {
    const errorOf = async (client: Party) =>
      new URL((await browser.open(authorizationUrl(server, client, pkce(), {}))).url).searchParams.get('error');

    it('of a client, it has no other way (§6)', async () => {
      const client = await makeClient(server, { require_pushed_authorization_requests: true });
      expect(await errorOf(client)).toBe('invalid_request');
    });

    it('of all clients of a tenant, nobody has another way, and discovery says so; its own pages go on (§5)', async () => {
      const change = (value: boolean) =>
        server.inside(async ({ tenants }) => {
          const tenant = await tenants.current();
          const protocol = { ...tenant.settings.protocol, require_pushed_authorization_requests: value };
          await tenants.update(tenant, { settings: { protocol } } as never);
        });
      const required = async () =>
        ((await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as Record<string, unknown>)
          .require_pushed_authorization_requests;
      expect([await errorOf(party), await required()]).toEqual([null, undefined]);
      await change(true);
      try {
        expect([await errorOf(party), await required()]).toEqual(['invalid_request', true]);
        const account = await signIn(new Browser(), `${server.issuer}/account/profile`, email);
        expect([account.status, new URL(account.url).pathname]).toEqual([200, '/account/profile']);
      } finally {
        await change(false);
      }
      expect(await errorOf(party)).toBeNull();
    });
  });
});
