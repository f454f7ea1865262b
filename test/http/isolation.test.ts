import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type Koa from 'koa';
import { Provider } from 'oidc-provider';
import { routes as engineRoutes } from '../../config/protocol.js';
import { inventory } from '../../src/api/contract.js';
import { createApp, endpointsOf } from '../../src/app.js';
import { TTL_SECONDS } from '../../src/features/one-time-tokens/one-time-token.service.js';
import type { Services } from '../../src/services.js';
import { ask } from '../support/api.js';
import { Browser } from '../support/browser.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  type Party,
  password,
  pkce,
  post,
  redeem,
  signIn,
} from '../support/party.js';
import { proofOf } from '../support/proofs.js';
import { startServer, type TestServer } from '../support/server.js';
import { assertionFor, at, cookiesIn, furnish, type House, register, sharedByAll } from '../support/tenancy.js';

/** One way to show a value to an endpoint. */
interface Shown {
  method: string;
  path: string;
  headers?: Record<string, string>;
  form?: Record<string, string>;
  json?: unknown;
}

/** @param uid of the interaction that cookies belong to. */
type Way = (value: string, uid?: string) => Shown | Promise<Shown>;

/** Something one tenant has given out. */
interface Artefact {
  value: string;
  /** Of the same shape, and made by nobody. */
  forged: string;
  uid?: string;
  /** It still does at its own tenant what it is for. */
  works(): Promise<boolean>;
}

type Artefacts = Record<string, Artefact>;

const basic = ({ clientId, clientSecret }: Pick<Party, 'clientId' | 'clientSecret'>) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`,
});
const cursorOf = (cursor: string) => (JSON.parse(Buffer.from(cursor, 'base64url').toString()) as { k: string }).k;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const like = (value: string) => randomBytes(64).toString('base64url').slice(0, value.length);

/** Kinds of models of the engine → the artefact that stands for them, or why none does. */
const engineModels: Record<string, string> = {
  Session: 'session cookies',
  Interaction: 'interaction cookies',
  AccessToken: 'opaque access token',
  AuthorizationCode: 'authorization code',
  RefreshToken: 'refresh token',
  ClientCredentials: 'client credentials token',
  InitialAccessToken: 'initial access token',
  RegistrationAccessToken: 'registration access token',
  DeviceCode: 'device code',
  BackchannelAuthenticationRequest: 'backchannel authentication request',
  PushedAuthorizationRequest: 'pushed request_uri',
  IdToken: 'id_token_hint',
  Client: 'client id and secret',
  Grant: 'grant_id',
  ReplayDetection: 'client assertion',
  PreAuthorizedCode: 'no part of this server',
  ResourceServer: 'no artefact',
  OIDCContext: 'no artefact',
  Claims: 'no artefact',
  BaseToken: 'no artefact',
};

/** Tables with rows of tenants → the artefact by which they are reached. */
const tables: Record<string, string> = {
  audit_events: 'audit_event_id',
  client_secrets: 'client id and secret',
  clients: 'client_id',
  denied_tokens: 'JWT access token',
  engine_rows: 'authorization code',
  grants: 'grant_id',
  idempotency_keys: 'idempotency key',
  login_failures: 'session cookies',
  mail_messages: 'password link',
  one_time_tokens: 'setup link',
  password_credentials: 'user_id',
  replays: 'client assertion',
  resources: 'resource_id',
  session_handles: 'session cookies',
  sessions: 'session_id',
  signing_keys: 'id_token_hint',
  traces: 'audit_event_id',
  users: 'user_id',
};

/** What the doors that are pages answer, beside the engine and the API. */
const pages = [
  'GET /interaction/:uid',
  'GET /interaction/:uid/switch',
  'POST /interaction/:uid/:step',
  'GET /setup',
  'POST /setup',
  'GET /password',
  'POST /password',
  'GET /password/done',
  'GET /dev/mailbox',
  'GET /dev/mailbox/:id',
];

const engineEndpoints = [
  engineRoutes.authorization,
  engineRoutes.token,
  engineRoutes.userinfo,
  engineRoutes.jwks,
  engineRoutes.introspection,
  engineRoutes.revocation,
  engineRoutes.registration,
  engineRoutes.pushed_authorization_request,
  engineRoutes.end_session,
];

const api = inventory(endpointsOf({} as Services));

/** Every way in which a value is shown at a tenant, by endpoint. `b` is who is asked, and shows what is its own beside it. */
function ways(b: House): Record<string, Way> {
  const authorize = (more: Record<string, string>, party = b.party): string =>
    authorizationUrl(b.server, party, { verifier: 'v', challenge: 'c'.repeat(43) }, { prompt: 'none', ...more }).slice(
      b.server.issuer.length,
    );
  const token = (form: Record<string, string>, headers: Record<string, string> = basic(b.party)): Shown => ({
    method: 'POST',
    path: '/token',
    headers,
    form,
  });
  const redirect_uri = b.party.redirectUri;
  const link = { username: 'a@example.com', password: 'another good passphrase' };
  const origin = { origin: new URL(b.server.issuer).origin };
  const found: Record<string, Way> = {
    '/authorize request_uri': (v) => ({
      method: 'GET',
      path: `/authorize?${new URLSearchParams({ client_id: b.party.clientId, request_uri: v })}`,
    }),
    '/authorize client_id': (v) => ({ method: 'GET', path: authorize({ client_id: v }) }),
    '/authorize id_token_hint': (v) => ({ method: 'GET', path: authorize({ id_token_hint: v }) }),
    '/authorize request': (v) => ({ method: 'GET', path: authorize({ request: v }) }),
    '/authorize cookies': (v) => ({ method: 'GET', path: authorize({}), headers: { cookie: v } }),
    '/authorize/:id cookies': (v, uid = 'x') => ({ method: 'GET', path: `/authorize/${uid}`, headers: { cookie: v } }),
    '/interaction/:uid cookies': (v, uid = 'x') => ({
      method: 'GET',
      path: `/interaction/${uid}`,
      headers: { cookie: v },
    }),
    '/interaction/:uid/login cookies': (v, uid = 'x') => ({
      method: 'POST',
      path: `/interaction/${uid}/login`,
      headers: { cookie: v, ...origin },
      form: { username: b.email, password },
    }),
    '/authorize select_account cookies': (v) => ({
      method: 'GET',
      path: authorize({ prompt: 'select_account' }),
      headers: { cookie: v },
    }),
    '/authorize/:id': (v) => ({ method: 'GET', path: `/authorize/${encodeURIComponent(v.slice(0, 128))}` }),
    '/token code': (v) =>
      token({ grant_type: 'authorization_code', code: v, redirect_uri, code_verifier: 'v'.repeat(43) }),
    '/token refresh_token': (v) => token({ grant_type: 'refresh_token', refresh_token: v }),
    '/token device_code': (v) => token({ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: v }),
    '/token auth_req_id': (v) => token({ grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id: v }),
    '/token assertion': (v) => token({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: v }),
    '/token client_secret': (v) => token({ grant_type: 'client_credentials' }, basic({ ...b.own, clientSecret: v })),
    '/token client_assertion': (v) => ({ method: 'POST', path: '/token', form: assertionForm(b, v) }),
    '/introspect client_assertion': (v) => ({
      method: 'POST',
      path: '/introspect',
      form: { ...assertionForm(b, v), token: 'x' },
    }),
    '/token DPoP nonce': (v) => withNonce(b, v),
    '/token bearer': (v) => token({ grant_type: 'client_credentials' }, bearer(v)),
    '/par request': (v) => ({ method: 'POST', path: '/par', headers: basic(b.party), form: { request: v } }),
    '/par request_uri': (v) => ({ method: 'POST', path: '/par', headers: basic(b.party), form: { request_uri: v } }),
    '/userinfo bearer': (v) => ({ method: 'GET', path: '/userinfo', headers: bearer(v) }),
    '/userinfo DPoP': (v) => ({ method: 'GET', path: '/userinfo', headers: { authorization: `DPoP ${v}` } }),
    '/userinfo form': (v) => ({ method: 'POST', path: '/userinfo', form: { access_token: v } }),
    '/introspect': (v) => ({ method: 'POST', path: '/introspect', headers: basic(b.party), form: { token: v } }),
    '/revoke': (v) => ({ method: 'POST', path: '/revoke', headers: basic(b.party), form: { token: v } }),
    '/register bearer': (v) => ({
      method: 'POST',
      path: '/register',
      headers: bearer(v),
      json: { redirect_uris: [redirect_uri] },
    }),
    '/logout id_token_hint': (v) => ({ method: 'GET', path: `/logout?${new URLSearchParams({ id_token_hint: v })}` }),
    '/logout client_id': (v) => ({ method: 'GET', path: `/logout?${new URLSearchParams({ client_id: v })}` }),
    '/logout cookies': (v) => ({ method: 'GET', path: '/logout', headers: { cookie: v } }),
    '/logout/confirm': (v) => ({ method: 'POST', path: '/logout/confirm', form: { xsrf: v, logout: 'yes' } }),
    '/logout/success': (v) => ({ method: 'GET', path: `/logout/success?${new URLSearchParams({ client_id: v })}` }),
    '/jwks': (v) => ({ method: 'GET', path: '/jwks', headers: bearer(v) }),
    'GET /password/done': (v) => ({ method: 'GET', path: `/password/done?token=${encodeURIComponent(v)}` }),
    'GET /dev/mailbox': (v) => ({ method: 'GET', path: `/dev/mailbox?id=${encodeURIComponent(v)}` }),
    'GET /dev/mailbox/:id': (v) => ({ method: 'GET', path: `/dev/mailbox/${encodeURIComponent(v)}` }),
    'GET /interaction/:uid': (v) => ({ method: 'GET', path: `/interaction/${encodeURIComponent(v)}` }),
    'GET /interaction/:uid/switch': (v) => ({ method: 'GET', path: `/interaction/${encodeURIComponent(v)}/switch` }),
    'POST /interaction/:uid/:step': (v) => ({
      method: 'POST',
      path: `/interaction/${encodeURIComponent(v)}/login`,
      headers: origin,
      form: { username: b.email, password, csrf: v },
    }),
  };
  for (const [name, own] of [
    ['setup', b.setupToken],
    ['password', b.passwordToken],
  ] as const) {
    found[`GET /${name}`] = (v) => ({ method: 'GET', path: `/${name}?token=${encodeURIComponent(v)}` });
    found[`POST /${name}`] = (v) => ({
      method: 'POST',
      path: `/${name}`,
      headers: origin,
      form: { ...link, token: v, csrf: v },
    });
    found[`POST /${name} csrf`] = (v) => ({
      method: 'POST',
      path: `/${name}`,
      headers: origin,
      form: { ...link, token: own, csrf: v },
    });
  }
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const json = method === 'PUT' ? { json: { redirect_uris: [redirect_uri] } } : {};
    // RFC 7592 §2: a token shown for another client is revoked, so each is made for this.
    found[`${method} /register/:id registered`] = async (v) => ({
      method,
      path: `/register/${encodeURIComponent(v)}`,
      headers: bearer((await register(b.server, b.initialAccessToken, b.mark)).registration_access_token),
      ...json,
    });
    found[`${method} /register/:id bearer`] = (v) => ({
      method,
      path: `/register/${b.registered.client_id}`,
      headers: bearer(v),
      ...json,
    });
  }
  found['post /api/clients Idempotency-Key'] = (v) => ({
    method: 'POST',
    path: '/api/v1/clients',
    headers: { ...bearer(b.apiToken), 'idempotency-key': v.slice(-255) },
    json: { client_name: 'Once', redirect_uris: [redirect_uri] },
  });
  for (const { method, path } of api) {
    if (path.startsWith('/tenants')) continue;
    const sent = ['post', 'put', 'patch'].includes(method) ? { json: path.endsWith('roles') ? { roles: [] } : {} } : {};
    const filled = (name?: string, value = '') =>
      `/api/v1${path.replace(/:(\w+)/g, (_all, one: string) => encodeURIComponent(one === name ? value : (b.ids[one] ?? '')))}`;
    found[`${method} /api${path} bearer`] = (v) => ({
      method: method.toUpperCase(),
      path: filled(),
      headers: bearer(v),
      ...sent,
    });
    for (const [, name] of path.matchAll(/:(\w+)/g))
      found[`${method} /api${path} ${name}`] = (v) => ({
        method: method.toUpperCase(),
        path: filled(name, v),
        headers: bearer(b.apiToken),
        ...sent,
      });
    if (method === 'get' && !path.includes(':'))
      found[`${method} /api${path} cursor`] = (v) => ({
        method: 'GET',
        path: `/api/v1${path}?cursor=${encodeURIComponent(v)}`,
        headers: bearer(b.apiToken),
      });
  }
  return found;
}

/** What was answered, without what differs each time. */
interface Verdict {
  status: number;
  where?: string | undefined;
  said?: unknown;
}

async function show(b: House, { method, path, headers = {}, form, json }: Shown): Promise<Verdict & { text: string }> {
  const answer = await fetch(`${b.server.issuer}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      accept: 'application/json, text/html',
      ...headers,
      ...(json ? { 'content-type': 'application/json' } : {}),
    },
    ...(form ? { body: new URLSearchParams(form) } : json ? { body: JSON.stringify(json) } : {}),
  });
  const text = await answer.text();
  const location = answer.headers.get('location');
  const to = location ? new URL(location, b.server.issuer) : undefined;
  const body = /json/.test(answer.headers.get('content-type') ?? '') ? JSON.parse(text || '{}') : {};
  return {
    status: answer.status,
    where: to && `${to.pathname.replace(/\/interaction\/.*/, '/interaction')} ${to.searchParams.get('error') ?? ''}`,
    said: body.error ?? body.code ?? body.active,
    text: text + (location ?? ''),
  };
}

const verdict = ({ status, where, said }: Verdict): Verdict => ({ status, where, said });

/** Fresh ones, since several live for a minute only. */
async function artefactsOf(a: House, b: House): Promise<Artefacts> {
  const { server, party, tokens, ids } = a;
  const isActive = async (token: unknown, at = a) =>
    (await introspect(at.server, at.party, String(token))).body.active as unknown as boolean;
  const reads = async (path: string) => (await ask(server, a.apiToken, 'get', path)).status === 200;
  const opens = async (path: string, words: RegExp) =>
    words.test((await new Browser().open(server.issuer + path)).html);

  const proof = pkce();
  const code = codeOf(await a.browser.open(authorizationUrl(server, party, proof, { prompt: 'none' })));
  const parameters = Object.fromEntries(new URL(authorizationUrl(server, party, pkce())).searchParams);
  const pushed = String((await post(server, '/par', party, parameters)).body.request_uri);
  const assertion = await assertionFor(a);
  const waiting = new Browser();
  const page = await waiting.open(authorizationUrl(server, party, pkce()));
  const uid = /interaction\/([\w-]+)/.exec(page.url)?.[1] ?? '';
  const linkPage = (await new Browser().open(`${server.issuer}/password?token=${a.passwordToken}`)).html;
  const csrf = /name="csrf" value="([^"]+)"/.exec(linkPage)?.[1] ?? '';
  const nonce = await nonceOf(a);
  const key = randomUUID();
  const made = await repeated(a, key);
  const first = (await ask(server, a.apiToken, 'get', '/clients?limit=1')).body.next_cursor;

  const token = (value: unknown, works = () => isActive(value)): Artefact => ({
    value: String(value),
    forged: like(String(value)),
    works,
  });
  const planted = (kind: keyof House['planted']): Artefact =>
    token(a.planted[kind], async () => {
      const { ProtocolRequest } = await import('../../src/features/protocol/request.js');
      const find = () =>
        server.inside(({ protocol }) => protocol.rows.find(new ProtocolRequest(), kind, a.planted[kind]));
      const there = () =>
        b.server.inside(({ protocol }) => protocol.rows.find(new ProtocolRequest(), kind, a.planted[kind]));
      return (await find()) !== undefined && (await there()) === undefined;
    });
  const jwt = (value: string, works: () => Promise<boolean>): Artefact => {
    const [header, payload, signature = ''] = value.split('.');
    return { value, forged: `${header}.${payload}.${like(signature)}`, works };
  };
  const id = (name: string, works: () => Promise<boolean>): Artefact => ({
    value: ids[name] ?? '',
    forged: /^[\da-f-]{36}$/.test(ids[name] ?? '') ? randomUUID() : like(ids[name] ?? ''),
    works,
  });
  const listed = (path: string, name: string) => async () =>
    JSON.stringify((await ask(server, a.apiToken, 'get', path)).body).includes(ids[name] ?? '-');

  return {
    'authorization code': token(code, async () => (await redeem(server, party, code, proof)).status === 200),
    'opaque access token': token(tokens.access_token),
    'JWT access token': jwt(a.jwt, () => isActive(a.jwt)),
    'refresh token': token(tokens.refresh_token),
    'client credentials token': token(a.machineToken),
    'API token': token(a.apiToken, () => reads('/clients')),
    'pushed request_uri': {
      value: pushed,
      forged: pushed.replace(/[^:]+$/, like),
      works: () =>
        opens(
          `/authorize?${new URLSearchParams({ client_id: party.clientId, request_uri: pushed })}`,
          /name="username"/,
        ),
    },
    'client id and secret': token(
      a.own.clientSecret,
      async () => (await post(server, '/token', a.own, { grant_type: 'client_credentials' })).status === 200,
    ),
    'client assertion': jwt(
      assertion,
      async () =>
        (await withAssertion(a, assertion)).status === 200 && (await withAssertion(a, assertion)).status === 401,
    ),
    'registration access token': token(a.registered.registration_access_token, async () => {
      const { registration_access_token, client_id } = a.registered;
      const answer = await fetch(`${server.issuer}/register/${client_id}`, {
        headers: bearer(registration_access_token),
      });
      if (answer.status === 200) Object.assign(a.registered, await answer.json());
      return answer.status === 200;
    }),
    'initial access token': token(a.initialAccessToken, async () => {
      const sent = { headers: bearer(a.initialAccessToken), json: { redirect_uris: ['https://rp.example/cb'] } };
      return (await show(a, { method: 'POST', path: '/register', ...sent })).status === 201;
    }),
    id_token_hint: jwt(String(tokens.id_token), async () => {
      const answer = await a.browser.open(`${server.issuer}/logout?id_token_hint=${tokens.id_token}`);
      return answer.status === 200;
    }),
    'DPoP nonce': token(nonce, async () => (await show(a, await withNonce(a, nonce))).status === 200),
    'idempotency key': token(key, async () => (await repeated(a, key)).body.client_id === made.body.client_id),
    'setup link': token(a.setupToken, () => opens(`/setup?token=${a.setupToken}`, /name="username"/)),
    'password link': token(a.passwordToken, () => opens(`/password?token=${a.passwordToken}`, /name="password"/)),
    'CSRF token': {
      value: csrf,
      forged: csrf
        .split('.')
        .map((part) => like(part))
        .join('.'),
      // The password it is sent with is refused, not the form.
      works: async () =>
        (
          await show(a, {
            method: 'POST',
            path: '/password',
            headers: { origin: new URL(server.issuer).origin },
            form: { token: a.passwordToken, csrf, password: 'short' },
          })
        ).status === 422,
    },
    'interaction uid': {
      value: uid,
      forged: like(uid),
      works: async () => (await waiting.open(`${server.issuer}/interaction/${uid}`)).html.includes('name="username"'),
    },
    'page cursor': {
      value: String(first),
      forged: Buffer.from(JSON.stringify({ k: like(cursorOf(String(first))) })).toString('base64url'),
      works: () => reads(`/clients?cursor=${first}`),
    },
    'device code': planted('DeviceCode'),
    'backchannel authentication request': planted('BackchannelAuthenticationRequest'),
    user_id: id('user_id', () => reads(`/users/${ids.user_id}`)),
    client_id: id('client_id', () => reads(`/clients/${ids.client_id}`)),
    secret_id: id('secret_id', listed(`/clients/${ids.client_id}/secrets`, 'secret_id')),
    resource_id: id('resource_id', () => reads(`/resources/${ids.resource_id}`)),
    session_id: id('session_id', listed('/sessions', 'session_id')),
    grant_id: id('grant_id', listed('/grants', 'grant_id')),
    audit_event_id: id('audit_event_id', listed('/audit-events?limit=100', 'audit_event_id')),
    'session cookies': cookies(a, b, a.browser, async () => {
      const silent = await a.browser.open(authorizationUrl(server, party, pkce(), { prompt: 'none' }));
      const chooser = await a.browser.open(authorizationUrl(server, party, pkce(), { prompt: 'select_account' }));
      return (
        codeOf(silent) !== '' && chooser.html.includes(`maria@${a.mark}`) && chooser.html.includes(`jonas@${a.mark}`)
      );
    }),
    'interaction cookies': cookies(
      a,
      b,
      waiting,
      async () => {
        const resumed = await waiting.open(`${server.issuer}/authorize/${uid}`);
        return resumed.html.includes('name="username"');
      },
      uid,
    ),
  };
}

/** Of one tenant, under their own names and under those that the other gives its own. */
function cookies(a: House, b: House, browser: Browser, works: () => Promise<boolean>, uid?: string): Artefact {
  const own = cookiesIn(browser);
  const renamed = own.map(({ name, value }) => ({ name: name.replace(`_${a.slug}`, `_${b.slug}`), value }));
  const line = (change: (value: string) => string) =>
    [...own, ...renamed].map(({ name, value }) => `${name}=${change(value)}`).join('; ');
  return { value: line((value) => value), forged: line(like), works, ...(uid ? { uid } : {}) };
}

const withAssertion = (at: House, client_assertion: string) =>
  show(at, { method: 'POST', path: '/token', form: assertionForm(at, client_assertion) });

const assertionForm = ({ signer }: House, client_assertion: string) => ({
  grant_type: 'client_credentials',
  client_id: signer.clientId,
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion,
});

const withNonce = async (at: House, nonce: string): Promise<Shown> => ({
  method: 'POST',
  path: '/token',
  headers: {
    ...basic(at.party),
    dpop: await proofOf(at.signer.key, { htm: 'POST', htu: `${at.server.issuer}/token`, nonce }),
  },
  form: { grant_type: 'client_credentials' },
});

/** RFC 9449 §8: what an issuer wants to see in the next proof. */
async function nonceOf(at: House): Promise<string> {
  const { path, form, headers } = await withNonce(at, 'another');
  const answer = await fetch(`${at.server.issuer}${path}`, {
    method: 'POST',
    headers: headers ?? {},
    body: new URLSearchParams(form),
  });
  return answer.headers.get('dpop-nonce') ?? '';
}

const repeated = (at: House, key: string) =>
  ask(
    at.server,
    at.apiToken,
    'post',
    '/clients',
    { client_name: `Once of ${at.mark}`, redirect_uris: ['https://rp.example/cb'] },
    {
      'idempotency-key': key,
    },
  );

describe('what one tenant has given out is nothing at another (RFC 9700 §2.3, RFC 8414 §2)', () => {
  let server: TestServer;
  const houses = new Map<string, House>();
  const house = (name: string): House => houses.get(name) as House;

  beforeAll(async () => {
    // Every address of 127/8 is this machine: hosts that need no DNS.
    server = await startServer({ environment: { HOST: '0.0.0.0' } });
    const { port } = new URL(server.issuer);
    const { tenants } = server.services;
    const shared = await sharedByAll();
    houses.set('default', await furnish(server, await tenants.ensureDefault(), shared));
    for (const input of [
      { slug: 'acme' },
      { slug: 'bolt' },
      { slug: 'own', host: `127.0.0.1:${port}` },
      { slug: 'two', host: `127.0.0.2:${port}` },
    ]) {
      const tenant = await tenants.create({ name: input.slug, ...input });
      houses.set(input.slug, await furnish(at(server, tenant), tenant, shared));
    }
  }, 120_000);
  afterAll(() => server?.close());

  describe('everything there is takes part', () => {
    it('every endpoint that discovery names, every page, every route of the API', async () => {
      const listed = Object.keys(ways(house('acme')));
      const discovery = (await (
        await fetch(`${house('acme').server.issuer}/.well-known/openid-configuration`)
      ).json()) as Record<string, string>;
      const named = Object.entries(discovery)
        .filter(([name, value]) => /(_endpoint|_uri)$/.test(name) && value.startsWith('http'))
        .map(([, value]) => value.slice(house('acme').server.issuer.length));
      expect(named.sort()).toEqual([...engineEndpoints].sort());
      for (const path of engineEndpoints) expect(listed.some((way) => way.includes(path))).toBe(true);

      const { middleware } = createApp(server.services).koa;
      const mounted = middleware
        .flatMap((one) => (one as Koa.Middleware & { router?: { stack: Layer[] } }).router?.stack ?? [])
        .flatMap(({ methods, path }) =>
          methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${path}`),
        );
      expect(mounted.filter((route) => !route.includes('/api/v1')).sort()).toEqual([...pages].sort());
      for (const page of pages) expect(listed).toContain(page);

      const parameters = new Set(api.flatMap(({ path }) => [...path.matchAll(/:(\w+)/g)].map(([, name]) => name)));
      for (const name of parameters) expect(Object.keys(house('acme').ids)).toContain(name);
    });

    it('every kind of model of the engine, every purpose of a link, every cookie, every table with rows of tenants', async () => {
      const kinds = Object.keys(await artefactsOf(house('acme'), house('bolt')));
      const models = Object.getOwnPropertyNames(Provider.prototype).filter((name) => /^[A-Z]/.test(name));
      expect(Object.keys(engineModels).sort()).toEqual(models.sort());
      const rows = (await server.services.db.manager.query(
        `SELECT DISTINCT table_name FROM information_schema.columns
          WHERE column_name = 'tenant_id' AND table_schema = current_schema()`,
      )) as { table_name: string }[];
      expect(rows.map(({ table_name }) => table_name).sort()).toEqual(Object.keys(tables).sort());
      for (const kind of [...Object.values(engineModels), ...Object.values(tables)])
        if (!/^no /.test(kind)) expect(kinds).toContain(kind);
      expect(Object.keys(TTL_SECONDS).sort()).toEqual(['password_reset', 'setup']);
      const browser = new Browser();
      await signIn(browser, authorizationUrl(house('acme').server, house('acme').party, pkce()), house('acme').email);
      const names = [house('acme').browser, browser].flatMap(cookiesIn).map(({ name }) => name.replace(/\.sig$/, ''));
      const known = ['ostiary_acme', 'ostiary_acme_more', 'ostiary_interaction', 'ostiary_resume'];
      expect(names.filter((name) => !known.includes(name))).toEqual([]);
      expect(names).toEqual(expect.arrayContaining(known.slice(0, 2)));
    });
  });

  describe.each([
    ['default', 'acme'],
    ['default', 'own'],
    ['acme', 'bolt'],
    ['own', 'two'],
    ['own', 'default'],
  ])('what %s has given out, at %s', (from, to) => {
    it('is refused at every endpoint like what nobody has given out, tells nothing, and goes on where it came from', async () => {
      const [a, b] = [house(from), house(to)];
      const artefacts = await artefactsOf(a, b);
      const wrong: string[] = [];
      const seen = new Map<string, Promise<Verdict>>();
      const pairs = Object.entries(ways(b)).flatMap(([way, shown]) =>
        Object.entries(artefacts)
          .filter(([kind]) => fits(way, kind))
          .map(([kind, artefact]) => ({ way, shown, kind, artefact })),
      );
      expect(pairs.length).toBeGreaterThan(1_000);
      await inTurns(pairs, async ({ way, shown, kind, artefact: { value, forged, uid } }) => {
        const shape = `${way} ${/[.;]/.test(forged) ? kind : forged.length}`;
        if (!seen.has(shape))
          seen.set(
            shape,
            Promise.resolve(shown(forged, uid))
              .then((one) => show(b, one))
              .then(verdict),
          );
        const [{ text, ...answered }, refusal] = [await show(b, await shown(value, uid)), await seen.get(shape)];
        if (JSON.stringify(verdict(answered)) !== JSON.stringify(refusal))
          wrong.push(`${kind} at ${way}: ${JSON.stringify(answered)}, nobody's: ${JSON.stringify(refusal)}`);
        if (text.includes(a.mark)) wrong.push(`${kind} at ${way}: tells of ${from}`);
        if (/ \w+_id$/.test(way) && way.includes('/api') && answered.status !== 404)
          wrong.push(`${kind} at ${way}: ${answered.status}`);
      });
      expect(wrong).toEqual([]);
      // In this order: what spends or shows something last.
      const dead: string[] = [];
      for (const [kind, { works }] of Object.entries(artefacts)) if (!(await works())) dead.push(kind);
      expect(dead).toEqual([]);
      expect(await worksAt(b)).toBe(true);
    }, 120_000);
  });

  it.each([
    ['acme', 'bolt'],
    ['default', 'own'],
  ])('an audience of %s is not to be had at %s (RFC 8707 §2)', async (from, to) => {
    const form = {
      grant_type: 'client_credentials',
      resource: `${house(from).server.issuer}/api`,
      scope: 'users:read',
    };
    expect((await post(house(to).server, '/token', house(to).party, form)).body.error).toBe('invalid_target');
  });

  it('each issuer has keys of its own (RFC 7517)', async () => {
    const sets = await Promise.all(
      [...houses.values()].map(async ({ server: { issuer } }) => {
        const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string }[] };
        return keys.map(({ kid }) => kid);
      }),
    );
    expect(new Set(sets.flat()).size).toBe(sets.flat().length);
  });

  it('tenants, and the scopes for them, are known at the installation only', async () => {
    for (const slug of ['acme', 'own']) {
      const { server: there, apiToken, party } = house(slug);
      for (const { method, path } of api.filter((route) => route.path.startsWith('/tenants'))) {
        const address = path.replace(':tenant', slug);
        for (const token of [apiToken, house('default').apiToken, undefined])
          expect([method, path, (await ask(there, token, method, address)).status]).toEqual([method, path, 404]);
      }
      const form = { grant_type: 'client_credentials', resource: `${there.issuer}/api`, scope: 'tenants:read' };
      expect((await post(there, '/token', party, form)).body.scope ?? '').not.toContain('tenants');
      const document = await (await fetch(`${there.issuer}/api/v1/openapi.json`)).text();
      expect(document).not.toContain('tenants');
    }
    const { server: here, apiToken } = house('default');
    expect((await ask(here, apiToken, 'get', '/tenants')).status).toBe(403);
  });

  it('the same address is another person at each issuer: other sub, other password, other lockout', async () => {
    const email = 'same@example.com';
    const other = 'quite another passphrase';
    const people = await Promise.all(
      [house('acme'), house('bolt')].map(({ server: { inside } }, index) =>
        inside(async ({ users, passwords }) => {
          const user = await users.create({ email });
          await passwords.set(user, index === 0 ? password : other);
          return user;
        }),
      ),
    );
    expect(new Set(people.map(({ id }) => id)).size).toBe(2);
    const attempt = async ({ server: there, party }: House, secret: string) => {
      const browser = new Browser();
      let page = await browser.open(authorizationUrl(there, party, pkce()));
      page = await browser.submit(page, { username: email });
      return browser.submit(page, { password: secret });
    };
    expect((await attempt(house('acme'), other)).status).toBe(422);
    for (let tries = 0; tries < 6; tries += 1) await attempt(house('acme'), 'wrong passphrase');
    expect((await attempt(house('acme'), password)).status).toBe(422);
    expect((await attempt(house('bolt'), other)).status).not.toBe(422);
  });
});

interface Layer {
  methods: string[];
  path: string;
}

/** Cookies are shown as cookies, everything else everywhere, but to the API as a bearer token only what could be one. */
function fits(way: string, kind: string): boolean {
  if (way.includes('cookies') !== kind.endsWith('cookies')) return false;
  if (way.endsWith('registered')) return kind === 'client_id';
  return !/\/api.* bearer$/.test(way) || /token|code|link|hint|secret|request$/.test(kind);
}

/** A few at a time. */
async function inTurns<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...all];
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await work(next);
    }),
  );
}

async function worksAt({ server, party, email }: House): Promise<boolean> {
  return codeOf(await signIn(new Browser(), authorizationUrl(server, party, pkce()), email)) !== '';
}
