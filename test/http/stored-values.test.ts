import { createHmac, createPublicKey, type JsonWebKey, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { deriveKey } from '../../src/platform/crypto.js';
import { Browser } from '../support/browser.js';
import { leavesOf } from '../support/dump.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  signIn,
  tokensFor,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { swift } from '../support/swift.js';

/** Tables whose every value is tried. */
const tables = [
  'clients',
  'client_secrets',
  'engine_rows',
  'sessions',
  'session_handles',
  'grants',
  'signing_keys',
  'tenants',
  'one_time_tokens',
  'users',
  'password_credentials',
  'mail_messages',
  'logout_notices',
  'idempotency_keys',
];

/** How the bytes of a column could be written where a credential is expected. */
function writings(leaf: string | Buffer): string[] {
  const bytes = Buffer.from(leaf);
  // A word such as `openid` is tried as it is; whatever could be a secret is longer.
  const long = bytes.length < 16 ? [] : [bytes.toString('hex'), bytes.toString('base64url')];
  if (typeof leaf !== 'string') return [bytes.toString('latin1'), ...long];
  const decoded = /^([0-9a-f]{2}){8,}$/i.test(leaf) ? [Buffer.from(leaf, 'hex').toString('base64url')] : [];
  return [leaf, ...leaf.split(/[:$]/), ...long, ...decoded];
}

/** A compact JWS made by hand: libraries refuse what is tried here. */
function jws(header: object, payload: object, key?: string | Buffer): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${key === undefined ? '' : createHmac('sha256', key).update(input).digest('base64url')}`;
}

const now = () => Math.floor(Date.now() / 1000);
const bearerType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

describe('a copy of the database opens nothing (RFC 9700 §2.5, RFC 6819 §5.1.4.1.3)', () => {
  let server: TestServer;
  let party: Party;
  let poster: Party;
  let signer: Party;
  let email: string;
  let registered: { client_id: string; registration_access_token: string };
  let initialAccessToken: string;
  let apiToken: string;
  let browser: Browser;
  let tokens: Record<string, string>;
  let clientKeys: Awaited<ReturnType<typeof generateKeyPair>>;
  let cookieKey: string;
  const oneTime = { setup: '', password: '' };

  beforeAll(async () => {
    server = await startServer({ quiet: true });
    email = (await makePerson(server)).email;
    party = await makeClient(server);
    poster = await makeClient(server, { token_endpoint_auth_method: 'client_secret_post' });
    clientKeys = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(clientKeys.publicKey);
    signer = await makeClient(server, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...jwk, kid: 'k', alg: 'ES256', use: 'sig' }] },
    });
    const machine = await makeClient(server, {
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
      scope: 'clients:read',
    });
    initialAccessToken = randomBytes(32).toString('base64url');
    const payload = { kind: 'InitialAccessToken', jti: initialAccessToken, iat: now(), exp: now() + 600 };
    cookieKey = await server.inside(async ({ protocol, oneTimeTokens, tenants, users, config, passwordLinks }) => {
      await protocol.rows.save(new ProtocolRequest(), {
        kind: 'InitialAccessToken',
        handle: initialAccessToken,
        payload,
      });
      const user = await users.findByEmail(email);
      if (!user) throw new Error('nobody');
      await passwordLinks.send(user);
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
    registered = registration.body as typeof registered;
    const form = { grant_type: 'client_credentials', resource: `${server.issuer}/api`, scope: 'clients:read' };
    apiToken = String((await ask('/token', form, machine)).body.access_token);
    const { browser: own, ...rest } = await tokensFor(server, party, email);
    browser = own as unknown as Browser;
    tokens = rest;
    // Left open: a code, a pushed request, a sign-in that has begun.
    codeOf(await browser.open(authorizationUrl(server, party, pkce(), { prompt: 'none' })));
    await pushed();
    await new Browser().open(authorizationUrl(server, party, pkce()));
  }, 180_000);
  afterAll(() => server?.close());

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

  /** A client that is known may ask about any token (RFC 7662 §2.1). */
  const authenticated = ({ status }: Awaited<ReturnType<typeof ask>>) => status === 200;
  const begins = async (path: string) => /\/interaction\//.test((await get(path)).location);
  const headerSafe = (value: string) => /^[\x21-\x7e]+$/.test(value);
  const cookieSafe = (value: string) => /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/.test(value);

  /** The cookie with a good signature: what is stored must not help even whoever has the cookie keys as well. */
  const signed = (name: string, value: string) => {
    const sig = createHmac('sha1', cookieKey).update(`${name}=${value}`).digest('base64url');
    return `${name}=${value}; ${name}.sig=${sig}`;
  };

  const assertion = (of: Party) => ({
    iss: of.clientId,
    sub: of.clientId,
    aud: server.issuer,
    jti: randomUUID(),
    iat: now(),
    exp: now() + 60,
  });
  const withAssertion = (client_assertion: string) => ({
    token: 'any',
    client_assertion,
    client_assertion_type: bearerType,
  });
  const requestObject = (of: Party) => ({
    ...parameters(of),
    iss: of.clientId,
    aud: server.issuer,
    jti: randomUUID(),
    iat: now(),
    exp: now() + 60,
  });
  const withRequest = (of: Party, request: string) =>
    `/authorize?${new URLSearchParams({ ...parameters(of), request })}`;
  const hint = () => ({
    iss: server.issuer,
    aud: party.clientId,
    sub: JSON.parse(Buffer.from(String(tokens.id_token).split('.')[1] ?? '', 'base64url').toString()).sub as string,
    iat: now(),
    exp: now() + 600,
  });
  const logsOut = async (id_token_hint: string) =>
    (await get(`/logout?${new URLSearchParams({ id_token_hint, client_id: party.clientId })}`)).status === 200;
  const bearer = (value: string) => ({ authorization: `Bearer ${value}` });

  /** Everything that a value can be tried as: true where it was good for something. */
  const uses: Record<string, (value: string) => Promise<boolean>> = {
    'client_secret_basic (RFC 6749 §2.3.1)': async (clientSecret) =>
      authenticated(await ask('/introspect', { token: 'any' }, { ...party, clientSecret })),
    'client_secret_post (RFC 6749 §2.3.1)': async (client_secret) =>
      authenticated(await ask('/introspect', { token: 'any', client_id: poster.clientId, client_secret })),
    'bearer token at userinfo (RFC 6750 §2.2)': async (access_token) =>
      (await ask('/userinfo', { access_token })).status === 200,
    'token at introspection (RFC 7662)': async (token) =>
      (await ask('/introspect', { token }, party)).body.active === true,
    'bearer token at the API (RFC 6750 §2.1)': async (value) =>
      headerSafe(value) && (await get('/api/v1/clients', bearer(value))).status === 200,
    'registration access token (RFC 7592 §2.1)': async (value) =>
      headerSafe(value) && (await get(`/register/${registered.client_id}`, bearer(value))).status === 200,
    'initial access token (RFC 7591 §3)': async (value) => {
      if (!headerSafe(value)) return false;
      const json = { redirect_uris: ['https://rp.example/cb'] };
      return (
        (await swift(`${server.issuer}/register`, { method: 'POST', headers: bearer(value), json })).status === 201
      );
    },
    'authorization code (RFC 6749 §4.1.3)': async (code) => {
      const form = {
        grant_type: 'authorization_code',
        code,
        redirect_uri: party.redirectUri,
        code_verifier: proof.verifier,
      };
      return (await ask('/token', form, party)).status === 200;
    },
    'refresh token (RFC 6749 §6)': async (refresh_token) =>
      (await ask('/token', { grant_type: 'refresh_token', refresh_token }, party)).status === 200,
    'request_uri (RFC 9126 §2.2)': (value) =>
      begins(
        `/authorize?${new URLSearchParams({ client_id: party.clientId, request_uri: `urn:ietf:params:oauth:request_uri:${value}` })}`,
      ),
    'session cookie': async (value) => {
      if (!cookieSafe(value)) return false;
      const cookie = signed('ostiary_default', value);
      const query = new URLSearchParams(parameters(party, { prompt: 'none' }));
      return (await get(`/authorize?${query}`, { cookie })).location.includes('code=');
    },
    'interaction cookie': async (value) => {
      if (!cookieSafe(value)) return false;
      const cookie = signed('ostiary_interaction', value);
      return (await get(`/interaction/${encodeURIComponent(value)}`, { cookie })).status === 200;
    },
    'setup link': async (token) => (await get(`/setup?${new URLSearchParams({ token })}`)).status === 200,
    'password link': async (token) => (await get(`/password?${new URLSearchParams({ token })}`)).status === 200,
  };
  const proof = pkce();

  /** HS256 with the value as the key. */
  const keyUses: Record<string, (key: string | Buffer) => Promise<boolean>> = {
    'client_secret_jwt of a client with a secret (RFC 7523 §2.2)': async (key) =>
      authenticated(await ask('/introspect', withAssertion(jws({ alg: 'HS256' }, assertion(party), key)))),
    'an assertion of a client with keys (RFC 7523 §2.2)': async (key) =>
      authenticated(await ask('/introspect', withAssertion(jws({ alg: 'HS256', kid: 'k' }, assertion(signer), key)))),
    'a request object of a client with a secret (RFC 9101 §6.2)': (key) =>
      begins(withRequest(party, jws({ alg: 'HS256' }, requestObject(party), key))),
    'a request object of a client with keys (RFC 9101 §6.2)': (key) =>
      begins(withRequest(signer, jws({ alg: 'HS256', kid: 'k' }, requestObject(signer), key))),
    'an id_token_hint (OpenID Connect RP-Initiated Logout §2)': (key) => logsOut(jws({ alg: 'HS256' }, hint(), key)),
  };

  async function storedLeaves(): Promise<(string | Buffer)[]> {
    const leaves: (string | Buffer)[] = [];
    for (const table of tables) {
      const { rows } = await server.services.db.pool.query(`SELECT * FROM ${table}`);
      expect([table, rows.length > 0 || table === 'idempotency_keys']).toEqual([table, true]);
      leaves.push(...rows.flatMap(leavesOf));
    }
    const { redis, tenants } = server.services;
    const { id } = await tenants.ensureDefault();
    for (const key of (await redis?.client.keys(`ostiary:${id}:*`)) ?? [])
      leaves.push(key, key.split(':').pop() ?? '', ...Object.values((await redis?.client.hgetall(key)) ?? {}));
    return leaves;
  }

  it('the right value is accepted in each place: the refusals below mean something', async () => {
    const session = [...browser.cookies.values()].find(({ name }) => name === 'ostiary_default')?.value ?? '';
    const waiting = new Browser();
    await waiting.open(authorizationUrl(server, party, pkce()));
    const interaction = [...waiting.cookies.values()].find(({ name }) => name === 'ostiary_interaction')?.value ?? '';
    const page = await browser.open(authorizationUrl(server, party, proof, { prompt: 'none' }));
    const right: Record<string, string> = {
      'client_secret_basic (RFC 6749 §2.3.1)': party.clientSecret,
      'client_secret_post (RFC 6749 §2.3.1)': poster.clientSecret,
      'bearer token at userinfo (RFC 6750 §2.2)': String(tokens.access_token),
      'token at introspection (RFC 7662)': String(tokens.access_token),
      'bearer token at the API (RFC 6750 §2.1)': apiToken,
      'registration access token (RFC 7592 §2.1)': registered.registration_access_token,
      'initial access token (RFC 7591 §3)': initialAccessToken,
      'authorization code (RFC 6749 §4.1.3)': codeOf(page),
      'refresh token (RFC 6749 §6)': String((await tokensFor(server, party, email)).refresh_token),
      'request_uri (RFC 9126 §2.2)': await pushed(),
      'session cookie': session,
      'interaction cookie': interaction,
      'setup link': oneTime.setup,
      'password link': oneTime.password,
    };
    expect(Object.keys(right)).toEqual(Object.keys(uses));
    for (const [name, use] of Object.entries(uses)) expect([name, await use(right[name] ?? '')]).toEqual([name, true]);

    const sign = (payload: object) =>
      new SignJWT({ ...payload }).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(clientKeys.privateKey);
    expect(authenticated(await ask('/introspect', withAssertion(await sign(assertion(signer)))))).toBe(true);
    expect(await begins(withRequest(signer, await sign(requestObject(signer))))).toBe(true);
    expect(await logsOut(String(tokens.id_token))).toBe(true);
  });

  it('no stored value is a credential, and none is a key', async () => {
    const leaves = await storedLeaves();
    const values = [...new Set(leaves.flatMap(writings))].filter((value) => value.length > 0 && value.length < 6_000);
    // The bytes of each, and what hex or base64 in it stands for.
    const keys = new Map<string, Buffer>();
    for (const value of values) {
      const decoded = [Buffer.from(value, 'latin1')];
      if (/^([0-9a-f]{2}){8,}$/i.test(value)) decoded.push(Buffer.from(value, 'hex'));
      else if (/^[A-Za-z0-9+/_-]{20,}=*$/.test(value)) decoded.push(Buffer.from(value, 'base64'));
      for (const one of decoded) keys.set(one.toString('hex'), one);
    }
    expect(values.length).toBeGreaterThan(300);
    const good: string[] = [];
    const tries = [
      ...values.flatMap((value) =>
        Object.entries(uses).map(
          ([name, use]) =>
            async () =>
              void ((await use(value)) && good.push(`${name}: ${value}`)),
        ),
      ),
      ...[...keys.values()].flatMap((key) =>
        Object.entries(keyUses).map(
          ([name, use]) =>
            async () =>
              void ((await use(key)) && good.push(`${name}: ${key.toString('latin1')}`)),
        ),
      ),
    ];
    const next = tries.values();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (const attempt of next) await attempt();
      }),
    );
    expect(good).toEqual([]);
  }, 300_000);

  it('nobody signs in with what is stored of a password (NIST SP 800-63B-4 §3.1.1.2)', async () => {
    const { rows } = await server.services.db.pool.query('SELECT * FROM password_credentials');
    for (const value of new Set(rows.flatMap(leavesOf).flatMap(writings).filter(Boolean))) {
      const verified = await server.inside(async ({ passwords, users }) => {
        const user = await users.findByEmail(email);
        if (user) await passwords.unlock(user);
        return passwords.verify(email, value);
      });
      expect([value, verified.outcome]).toEqual([value, 'failed']);
    }
    expect((await server.inside(({ passwords }) => passwords.verify(email, password))).outcome).toBe('ok');
    expect(codeOf(await signIn(new Browser(), authorizationUrl(server, party, pkce()), email))).toBeTruthy();
  });

  it.each(['none', 'None', 'NONE', 'nOnE', '', 'HS256', 'HS512'])(
    'alg: %p without a signature proves nothing (RFC 8725 §3.1, RFC 9101 §10.8)',
    async (alg) => {
      for (const of of [party, signer]) {
        for (const tail of ['', 'AA']) {
          expect(await begins(withRequest(of, jws({ alg }, requestObject(of)) + tail))).toBe(false);
          expect(authenticated(await ask('/introspect', withAssertion(jws({ alg }, assertion(of)) + tail)))).toBe(
            false,
          );
        }
      }
      expect(await logsOut(jws({ alg }, hint()))).toBe(false);
    },
  );

  it('a public key is no HMAC secret (RFC 8725 §2.1), in any of its forms', async () => {
    const { keys } = (await get('/jwks')).body as unknown as { keys: JsonWebKey[] };
    const own = await exportJWK(clientKeys.publicKey);
    const good: string[] = [];
    for (const jwk of [...keys, own as JsonWebKey]) {
      const key = createPublicKey({ key: jwk, format: 'jwk' });
      const pem = key.export({ type: 'spki', format: 'pem' }).toString();
      const members = [jwk.n, jwk.x, jwk.y].filter((member): member is string => typeof member === 'string');
      for (const secret of [
        pem,
        pem.trim(),
        pem.replaceAll('\n', '\r\n'),
        key.export({ type: 'spki', format: 'der' }),
        JSON.stringify(jwk),
        JSON.stringify({ keys }),
        ...members,
        ...members.map((member) => Buffer.from(member, 'base64url')),
        ...(jwk.kty === 'RSA' ? [key.export({ type: 'pkcs1', format: 'pem' }).toString()] : []),
      ])
        for (const [name, use] of Object.entries(keyUses)) if (await use(secret)) good.push(name);
    }
    expect(good).toEqual([]);
  });

  it('a key in the header of the token is not the key of the client (RFC 8725 §3.10: jwk, jku, x5u)', async () => {
    const stranger = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(stranger.publicKey);
    for (const header of [{ jwk }, { jku: 'https://evil.example/jwks' }, { x5u: 'https://evil.example/x5c' }, {}]) {
      const sign = (payload: object) =>
        new SignJWT({ ...payload }).setProtectedHeader({ alg: 'ES256', kid: 'k', ...header }).sign(stranger.privateKey);
      expect(authenticated(await ask('/introspect', withAssertion(await sign(assertion(signer)))))).toBe(false);
      expect(await begins(withRequest(signer, await sign(requestObject(signer))))).toBe(false);
      expect(await logsOut(await sign(hint()))).toBe(false);
    }
  });
});
