import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type Koa from 'koa';
import { Provider } from 'oidc-provider';
import { routes as engineRoutes } from '../../config/protocol.js';
import { createApp } from '../../src/app.js';
import { TTL_SECONDS } from '../../src/features/one-time-tokens/one-time-purposes.js';
import { ask } from '../support/api.js';
import { artefactsOf } from '../support/artefacts.js';
import { Browser } from '../support/browser.js';
import { authorizationUrl, codeOf, password, pkce, post, signIn } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { at, cookiesIn, furnish, type House, sharedByAll } from '../support/tenancy.js';
import { api, jsonForms, ownForms, ownNamed, show, type Verdict, verdict, ways } from '../support/ways.js';

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
  devices: 'device_id',
  engine_rows: 'authorization code',
  erasures: 'no value of its own',
  grants: 'grant_id',
  idempotency_keys: 'idempotency key',
  known_networks: 'session cookies',
  lockouts: 'user_id',
  login_failures: 'session cookies',
  mail_messages: 'message_id',
  one_time_tokens: 'setup link',
  registrations: 'no value of its own',
  factor_recoveries: 'recovery link',
  passkey_users: 'user_id',
  passkeys: 'user_id',
  password_credentials: 'user_id',
  recovery_codes: 'user_id',
  replays: 'client assertion',
  resources: 'resource_id',
  session_handles: 'session cookies',
  sessions: 'session_id',
  signing_keys: 'id_token_hint',
  totp_credentials: 'user_id',
  traces: 'audit_event_id',
  users: 'user_id',
};

/** What the doors that are pages answer, beside the engine and the API. */
const pages = [
  'GET /interaction/:uid',
  'GET /interaction/:uid/switch',
  'POST /interaction/:uid/:step',
  'POST /interaction/:uid/strength',
  'GET /setup',
  'POST /setup',
  'POST /setup/strength',
  'GET /password',
  'POST /password',
  'POST /password/strength',
  'GET /password/done',
  'GET /forgotten-password',
  'POST /forgotten-password',
  'GET /forgotten-password/done',
  'GET /lockdown',
  'POST /lockdown',
  'GET /lockdown/done',
  'GET /interaction/:uid/sign-in-link',
  'POST /interaction/:uid/sign-in-link',
  'GET /interaction/:uid/verify-email',
  'POST /interaction/:uid/verify-email',
  'GET /sign-in-link',
  'POST /sign-in-link',
  'GET /verify-email',
  'POST /verify-email',
  'POST /verify-email/resend',
  'GET /verify-email/sent',
  'GET /verify-email/done',
  'GET /factor-recovery',
  'POST /factor-recovery',
  'GET /factor-recovery/done',
  'GET /email-undo',
  'POST /email-undo',
  'GET /account-restore',
  'POST /account-restore',
  'GET /account-restore/done',
  'GET /account/email',
  'POST /account/email',
  'GET /account/email/confirm',
  'POST /account/email/confirm',
  'GET /account/delete',
  'POST /account/delete',
  'GET /account/deleted',
  'GET /account/export',
  'POST /account/export',
  'GET /account/settings',
  'POST /account/settings',
  'GET /account',
  'GET /account/signed-in',
  'GET /account/profile',
  'POST /account/profile',
  'GET /account/security',
  'GET /account/security/password',
  'POST /account/security/password',
  'POST /account/security/password/strength',
  'GET /account/security/passkeys',
  'POST /account/security/passkeys',
  'POST /account/security/passkeys/:id/name',
  'POST /account/security/passkeys/:id/remove',
  'GET /account/security/totp',
  'GET /account/security/totp/setup',
  'POST /account/security/totp/setup',
  'POST /account/security/totp/remove',
  'GET /account/security/recovery-codes',
  'POST /account/security/recovery-codes',
  'GET /.well-known/change-password',
  'GET /.well-known/passkey-endpoints',
  'GET /.well-known/webauthn',
  'GET /account/devices',
  'POST /account/devices/session-end',
  'POST /account/devices/others-end',
  'POST /account/devices/forget',
  'GET /account/applications',
  'POST /account/applications/revoke',
  'GET /account/activity',
  'POST /account/activity/not-me',
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
      const own = [...ownForms, ...ownNamed].map(([method, path]) => `${method} /api/v1${path}`);
      const forPrograms = mounted.filter((route) => route.includes('/api/v1/'));
      expect(forPrograms.sort()).toEqual([...jsonForms.map((path) => `POST ${path}`), ...own].sort());
      for (const path of jsonForms) expect(listed).toContain(`POST ${path}`);

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
      const given = ['email_verification', 'lockdown', 'magic_link', 'mfa_recovery', 'password_reset', 'setup'];
      expect(Object.keys(TTL_SECONDS)).toEqual(expect.arrayContaining(given));
      const browser = new Browser();
      await signIn(browser, authorizationUrl(house('acme').server, house('acme').party, pkce()), house('acme').email);
      const names = [house('acme').browser, browser].flatMap(cookiesIn).map(({ name }) => name.replace(/\.sig$/, ''));
      const known = ['ostiary_acme', 'ostiary_acme_more', 'ostiary_interaction', 'ostiary_resume'];
      expect(names.filter((name) => !known.includes(name) && !name.startsWith('ostiary_device_'))).toEqual([]);
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
      const dead: string[] = [];
      const compare = async ({ way, shown, kind, artefact: { value, forged, uid } }: (typeof pairs)[number]) => {
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
      };
      // What lives for a minute comes first; within each part, what spends or shows something last.
      for (const isBrief of [true, false]) {
        const part = ([kind]: [string, unknown]) => brief.has(kind) === isBrief;
        await inTurns(
          pairs.filter(({ kind }) => brief.has(kind) === isBrief),
          compare,
        );
        for (const [kind, { works }] of Object.entries(artefacts).filter(part)) if (!(await works())) dead.push(kind);
      }
      expect(wrong).toEqual([]);
      expect(dead).toEqual([]);
      expect(await worksAt(b)).toBe(true);
    }, 240_000);
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
  // These take an interaction, a CSRF token and what is in a letter, and are asked for nothing else.
  if (/\/api\/v1\/(auth|passkeys)\//.test(way) && !way.includes('cookies')) return /link|CSRF|uid/.test(kind);
  return !/\/api.* bearer$/.test(way) || /token|code|link|hint|secret|request$/.test(kind);
}

const brief = new Set(['authorization code', 'pushed request_uri']);

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
