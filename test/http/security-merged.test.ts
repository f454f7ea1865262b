import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../support/browser.js';
import { giveNameAndPassword, isSignedIn, nameOf } from '../support/journey.js';
import {
  authorizationUrl,
  introspect,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  post,
  signIn,
  tokensFor,
} from '../support/party.js';
import { initialAccessTokenFor } from '../support/planted.js';
import { startServer, type TestServer } from '../support/server.js';

type Json = Record<string, unknown>;

describe('where two features meet', () => {
  let server: TestServer;
  let party: Party;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server);
  }, 180_000);
  afterAll(() => server?.close());

  describe('a password that must be changed', () => {
    const own = 'my very own long passphrase';
    const stolen = 'what somebody else would like';

    async function waiting(email: string) {
      const browser = new Browser();
      const page = await giveNameAndPassword(
        browser,
        await browser.open(authorizationUrl(server, party, pkce())),
        email,
      );
      expect(nameOf(page)).toBe('change_password');
      return { browser, page };
    }
    const accepts = async (email: string, secret: string) => {
      const browser = new Browser();
      const begun = await browser.open(authorizationUrl(server, party, pkce()));
      return (await giveNameAndPassword(browser, begun, email, secret)).status === 200;
    };
    async function withTemporary() {
      const person = await makePerson(server);
      const set = (secret: string) =>
        server.inside(({ passwords }) => passwords.set(person, secret, { mustChange: true }));
      await set(password);
      return { person, set };
    }

    it('is changed by whoever is first; a page that was open meanwhile changes it no more', async () => {
      const { person } = await withTemporary();
      const late = await waiting(person.email);
      const first = await waiting(person.email);
      expect(nameOf(await first.browser.submit(first.page, { password: own }))).toBe('consent');

      const again = await late.browser.submit(late.page, { password: stolen });
      expect(['identifier', 'password', 'one_page']).toContain(nameOf(again));
      expect(await isSignedIn(server, party, late.browser)).toBe(false);
      expect(await accepts(person.email, stolen)).toBe(false);
      expect(await accepts(person.email, own)).toBe(true);
    });

    it('is changed by one of two at once', async () => {
      const { person } = await withTemporary();
      const both = [await waiting(person.email), await waiting(person.email)];
      const ends = await Promise.all(
        both.map(({ browser, page }, index) => browser.submit(page, { password: index ? own : stolen })),
      );
      expect(ends.filter((page) => nameOf(page) === 'consent')).toHaveLength(1);
    });

    it('that was set anew since is proved anew', async () => {
      const { person, set } = await withTemporary();
      const late = await waiting(person.email);
      await set('another temporary passphrase');
      await late.browser.submit(late.page, { password: stolen });
      expect(await accepts(person.email, stolen)).toBe(false);
      expect(await accepts(person.email, 'another temporary passphrase')).toBe(true);
    });
  });

  describe('a client that manages its registration while an administrator does too (RFC 7592 §2)', () => {
    const plain = { client_name: 'Dynamic', redirect_uris: ['https://dynamic.example/cb'] };
    let restore = () => {};
    afterEach(() => restore());

    async function send(method: string, url: string, token: unknown, body: Json) {
      const response = await fetch(url, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, body: (text ? JSON.parse(text) : {}) as Json };
    }

    async function register() {
      const token = await initialAccessTokenFor(server);
      return (await send('POST', `${server.issuer}/register`, token, plain)).body;
    }

    /** Something that happens after the engine has checked an update, and before it is written. */
    function beforeItIsWritten(work: () => Promise<unknown>) {
      const registered = server.services.registeredClients;
      const save = registered.save;
      registered.save = async (...sent) => {
        await work();
        return save.apply(registered, sent);
      };
      restore = () => {
        registered.save = save;
      };
    }

    it.each(['disable', 'delete'] as const)('does not undo %s', async (what) => {
      const made = await register();
      const clientId = String(made.client_id);
      beforeItIsWritten(() => server.inside(async ({ clients }) => clients[what](await clients.find(clientId))));
      const { status } = await send('PUT', String(made.registration_client_uri), made.registration_access_token, {
        ...plain,
        client_id: clientId,
        client_name: 'Still here',
      });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(await server.inside(({ clients }) => clients.engineMetadata(clientId))).toBeUndefined();
      const rows = await server.inside(({ db }) =>
        db.manager.query('SELECT name FROM clients WHERE client_id = $1', [clientId]),
      );
      expect(rows).toEqual(what === 'delete' ? [] : [{ name: 'Dynamic' }]);
    });
  });

  describe('what client metadata may say, the engine takes', () => {
    const alg = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'];
    const jwks = {
      keys: [
        {
          kty: 'OKP',
          crv: 'Ed25519',
          x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
          use: 'sig',
        },
      ],
    };
    it.each([
      ...alg.map((one) => ({ request_object_signing_alg: one, jwks })),
      ...alg.map((one) => ({
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: one,
        jwks,
      })),
      ...['ES256', 'RS256'].map((one) => ({ userinfo_signed_response_alg: one, id_token_signed_response_alg: one })),
      { default_acr_values: ['urn:ostiary:acr:1fa'] },
      { default_acr_values: ['urn:ostiary:acr:mfa'] },
      { default_acr_values: ['anything'] },
      { grant_types: [], response_types: [] },
      { response_types: ['none'], grant_types: [] },
      { response_types: ['code', 'none'], grant_types: ['authorization_code'] },
      { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] },
      { application_type: 'native', redirect_uris: ['http://127.0.0.1/cb', 'com.example.app:/cb', 'http://[::1]/cb'] },
      { application_type: 'native', redirect_uris: ['http://localhost/cb'] },
      { redirect_uris: ['http://localhost:3000/cb'] },
      { subject_type: 'pairwise' },
      { jwks_uri: 'http://localhost:1/jwks' },
      { client_uri: 'http://localhost:1/', logo_uri: 'http://localhost:1/', tos_uri: 'http://127.0.0.1/' },
      { initiate_login_uri: 'https://rp.example/start' },
      { scope: 'bookings:read' },
      { default_max_age: 0, require_auth_time: true },
      { post_logout_redirect_uris: ['http://localhost:3000/bye'] },
      { contacts: ['a@example.com'] },
      { contacts: [] },
      { require_pushed_authorization_requests: true, dpop_bound_access_tokens: true },
      { require_signed_request_object: true, jwks },
      { jwks: { keys: [{ kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA' }] } },
      { jwks: { keys: [{ kty: 'OKP' }] } },
    ] as Json[])('%j', async (metadata) => {
      let made: Party;
      try {
        made = await makeClient(server, metadata);
      } catch (error) {
        // Refused by the schema, or by the rules between members.
        expect([422, 'ZodError']).toContain((error as { status?: number }).status ?? (error as Error).name);
        return;
      }
      const answer = await server.inside(async ({ clients }) => clients.engineMetadata(made.clientId));
      expect(answer).toBeDefined();
      const page = await new Browser().open(`${server.issuer}/logout?client_id=${made.clientId}`);
      expect(page.status).toBe(200);
    });
  });

  describe('a JWT access token', () => {
    const resource = 'https://api.example/merged';
    let jwtParty: Party;
    beforeAll(async () => {
      await server.inside(({ resources }) =>
        resources.create({
          identifier: resource,
          name: 'Merged',
          scopes: [{ name: 'm:read', description: 'Read' }],
          access_token_format: 'jwt',
        } as never),
      );
      jwtParty = await makeClient(server, { scope: 'openid offline_access m:read', subject_type: 'pairwise' });
    });
    const jwtFor = async (email: string, browser: Browser, more: Json = {}) => {
      const params = { resource, scope: 'openid m:read', ...more } as Record<string, string>;
      return tokensFor(server, jwtParty, email, params, browser);
    };

    it('names a pairwise person as the ID token does', async () => {
      const { email } = await makePerson(server);
      const tokens = await jwtFor(email, new Browser());
      const told = (await introspect(server, jwtParty, String(tokens.access_token))).body;
      const claims = JSON.parse(Buffer.from(String(tokens.id_token).split('.')[1] ?? '', 'base64url').toString());
      expect(told.active).toBe(true);
      expect(told.sub).toBe(claims.sub);
    });

    it('that was not given offline ends with its session, as an opaque one does, though the grant outlives it', async () => {
      const { email } = await makePerson(server);
      const browser = new Browser();
      await jwtFor(email, browser, { scope: 'openid offline_access m:read', prompt: 'consent' });
      const online = await jwtFor(email, browser);
      expect((await introspect(server, jwtParty, String(online.access_token))).body.active).toBe(true);
      await browser.submit(await browser.open(`${server.issuer}/logout`), { logout: 'yes' });
      expect((await introspect(server, jwtParty, String(online.access_token))).body.active).toBe(false);
    });

    it('is not revoked by another client, and stops for its own', async () => {
      const { email } = await makePerson(server);
      const tokens = await jwtFor(email, new Browser());
      const token = String(tokens.access_token);
      expect((await post(server, '/revoke', party, { token })).status).toBe(400);
      expect((await introspect(server, jwtParty, token)).body.active).toBe(true);
      expect((await post(server, '/revoke', jwtParty, { token })).status).toBe(200);
      expect((await introspect(server, jwtParty, token)).body.active).toBe(false);
    });
  });

  describe('a tab whose session has ended', () => {
    it('does not come back without a new proof', async () => {
      const { email } = await makePerson(server);
      const browser = new Browser();
      await tokensFor(server, party, email, {}, browser);
      const other = new Browser();
      for (const [key, cookie] of browser.cookies) other.cookies.set(key, cookie);
      const page = await other.open(authorizationUrl(server, party, pkce(), { prompt: 'consent' }));
      expect(nameOf(page)).toBe('consent');
      await browser.submit(await browser.open(`${server.issuer}/logout`), { logout: 'yes' });
      expect((await other.submit(page, { decision: 'allow' })).url).not.toContain('code=');
      expect(await isSignedIn(server, party, other)).toBe(false);
    });

    it('does not resume in a session of somebody else', async () => {
      const [one, two] = [await makePerson(server), await makePerson(server)];
      const browser = new Browser();
      await tokensFor(server, party, one.email, {}, browser);
      const page = await browser.open(authorizationUrl(server, party, pkce(), { prompt: 'consent' }));
      const stranger = new Browser();
      await signIn(stranger, authorizationUrl(server, party, pkce()), two.email);
      for (const [key, cookie] of stranger.cookies)
        if (!/interaction|resume/.test(key)) browser.cookies.set(key, cookie);
      expect((await browser.submit(page, { decision: 'allow' })).url).not.toContain('code=');
    });
  });
});
