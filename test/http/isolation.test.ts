import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Provider } from 'oidc-provider';
import { TTL_SECONDS } from '../../src/features/one-time-tokens/one-time-purposes.js';
import { engineRoutes } from '../../src/oidc/routes.js';
import { artefactsOf } from '../support/artefacts.js';
import { Browser } from '../support/browser.js';
import { expectNoTenantsAt, keyIdsOf, type Neighbours, neighbours, shownAt, worksAt } from '../support/isolation.js';
import { mountedRoutes } from '../support/mounted.js';
import { authorizationUrl, password, pkce, post, signIn } from '../support/party.js';
import { runsBesidePostgres } from '../support/server.js';
import { cookiesIn, type House } from '../support/tenancy.js';
import { tenantTables } from '../support/tenant-tables.js';
import { ways } from '../support/ways.js';
import { api, jsonForms, memberRoutes, ownForms, ownNamed, refusedByItsPath } from '../support/ways-api.js';

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
  api_key_usage: 'api_key_id',
  api_keys: 'API key',
  audit_chains: 'no value of its own',
  audit_checkpoints: 'no value of its own',
  audit_events: 'audit_event_id',
  audit_seals: 'audit_event_id',
  audit_unsealed: 'audit_event_id',
  backchannel_requests: 'request to a person',
  brand_logos: 'no value of its own',
  client_secrets: 'client id and secret',
  clients: 'client_id',
  denied_tokens: 'JWT access token',
  devices: 'device_id',
  engine_rows: 'authorization code',
  erasures: 'no value of its own',
  connection_keys: 'connection_id',
  connections: 'connection_id',
  exchange_policies: 'policy_id',
  external_subjects: 'subject_id',
  federated_sign_ins: 'no value of its own',
  grants: 'grant_id',
  idempotency_keys: 'idempotency key',
  initial_access_tokens: 'initial_access_token_id',
  invitation_templates: 'template_id',
  known_networks: 'session cookies',
  lockouts: 'user_id',
  identities: 'identity_id',
  job_chunks: 'job_id',
  jobs: 'job_id',
  login_failures: 'session cookies',
  logout_notices: 'notice_id',
  mail_messages: 'message_id',
  mail_templates: 'no value of its own',
  membership_events: 'organization',
  membership_roles: 'organization',
  memberships: 'organization',
  one_time_tokens: 'setup link',
  organization_domains: 'domain_id',
  organization_invitations: 'invitation_id',
  organization_roles: 'role_id',
  organizations: 'organization',
  registrations: 'no value of its own',
  factor_recoveries: 'recovery link',
  passkey_users: 'user_id',
  passkeys: 'user_id',
  password_credentials: 'user_id',
  recovery_codes: 'user_id',
  replays: 'client assertion',
  resources: 'resource_id',
  session_handles: 'session cookies',
  role_assignments: 'role',
  roles: 'role',
  sessions: 'session_id',
  signing_keys: 'id_token_hint',
  team_members: 'team_id',
  teams: 'team_id',
  token_endings: 'JWT access token',
  totp_credentials: 'user_id',
  traces: 'trace_id',
  trusted_issuers: 'issuer_id',
  upstream_sessions: 'no value of its own',
  users: 'user_id',
  webhook_deliveries: 'delivery_id',
  webhook_endpoints: 'webhook_id',
};

/** Of the engine's endpoints, those that discovery does not name. */
const unnamed = ['/device', '/logout/confirm', '/logout/success'];

describe('what one tenant has given out is nothing at another (RFC 9700 §2.3, RFC 8414 §2)', () => {
  let all: Neighbours;
  const house = (slug: string): House => all.house(slug);

  beforeAll(async () => {
    all = await neighbours('acme', 'bolt');
  }, 300_000);
  afterAll(() => all?.server.close());

  describe('everything there is takes part', () => {
    it('every endpoint that discovery names, every page, every route of the API', async () => {
      const listed = Object.keys(ways(house('acme')));
      const discovery = (await (
        await fetch(`${house('acme').server.issuer}/.well-known/openid-configuration`)
      ).json()) as Record<string, string>;
      const named = Object.entries(discovery)
        .filter(([name, value]) => /(_endpoint|_uri)$/.test(name) && value.startsWith('http'))
        .map(([, value]) => value.slice(house('acme').server.issuer.length));
      const endpoints = engineRoutes.map(({ path }) => path).filter((path) => !path.startsWith('/.well-known/'));
      expect([...named, ...unnamed].sort()).toEqual([...endpoints].sort());
      for (const path of endpoints) expect(listed.some((way) => way.includes(path))).toBe(true);

      const mounted = mountedRoutes(all.server);
      const pages = mounted.filter((route) => !route.includes('/api/v1'));
      expect(pages.length).toBeGreaterThan(60);
      expect(pages.filter((page) => !listed.includes(page))).toEqual([]);
      const asMember = memberRoutes.map(({ method, path }) => [method.toUpperCase(), path] as const);
      const own = [...ownForms, ...ownNamed, ...asMember].map(([method, path]) => `${method} /api/v1${path}`);
      const forPrograms = mounted.filter((route) => route.includes('/api/v1/'));
      expect(forPrograms.sort()).toEqual([...jsonForms.map((path) => `POST ${path}`), ...own].sort());
      for (const path of jsonForms) expect(listed).toContain(`POST ${path}`);

      const { ids } = house('acme');
      const inPaths = api.flatMap(({ method, path }) =>
        [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({ way: `${method} /api${path} ${name}`, name })),
      );
      for (const { name } of inPaths) expect(Object.keys(ids)).toContain(name);
      // A schema that refused what is right would hide what is wrong.
      const blind = inPaths.filter(({ way, name }) => refusedByItsPath(house('acme'), way, ids[name] ?? ''));
      expect(blind).toEqual([]);
    });

    it('every kind of model of the engine, every purpose of a link, every cookie, every table with rows of tenants', async () => {
      const kinds = Object.keys(await artefactsOf(house('acme'), house('bolt')));
      const models = Object.getOwnPropertyNames(Provider.prototype).filter((name) => /^[A-Z]/.test(name));
      expect(Object.keys(engineModels).sort()).toEqual(models.sort());
      expect((await tenantTables(all.server.services.db)).sort()).toEqual(Object.keys(tables).sort());
      for (const kind of [...Object.values(engineModels), ...Object.values(tables)])
        if (!/^no /.test(kind)) expect(kinds).toContain(kind);
      const given = ['email_verification', 'lockdown', 'magic_link', 'mfa_recovery', 'password_reset', 'setup'];
      expect(Object.keys(TTL_SECONDS)).toEqual(expect.arrayContaining(given));
      const browser = new Browser();
      await signIn(browser, authorizationUrl(house('acme').server, house('acme').party, pkce()), house('acme').email);
      const names = [house('acme').browser, browser].flatMap(cookiesIn).map(({ name }) => name.replace(/\.sig$/, ''));
      const known = ['ostiary_acme', 'ostiary_acme_more', 'ostiary_interaction', 'ostiary_resume'];
      const perThing = /^ostiary_(device_|acme_browser_)/;
      expect(names.filter((name) => !known.includes(name) && !perThing.test(name))).toEqual([]);
      expect(names).toEqual(expect.arrayContaining(known.slice(0, 2)));
    });
  });

  const directions = [
    ['acme', 'bolt'],
    ['default', 'acme'],
  ].slice(0, runsBesidePostgres ? 1 : 2) as [string, string][];
  describe.each(directions.map((one, number) => [...one, number] as const))(
    'what %s has given out, at %s',
    (from, to, number) => {
      it('is refused at every endpoint like what nobody has given out, tells nothing, and goes on where it came from', async () => {
        const { pairs, wrong, dead } = await shownAt(house(from), house(to), { number, of: directions.length });
        expect(pairs).toBeGreaterThan(runsBesidePostgres ? 200 : 1_000);
        expect(wrong).toEqual([]);
        expect(dead).toEqual([]);
        expect(await worksAt(house(to))).toBe(true);
      }, 240_000);
    },
  );

  it('an audience of one is not to be had at another (RFC 8707 §2)', async () => {
    const form = {
      grant_type: 'client_credentials',
      resource: `${house('acme').server.issuer}/api`,
      scope: 'users:read',
    };
    expect((await post(house('bolt').server, '/token', house('bolt').party, form)).body.error).toBe('invalid_target');
  });

  it('each issuer has keys of its own (RFC 7517)', async () => {
    const sets = await Promise.all(all.houses.map(keyIdsOf));
    expect(new Set(sets.flat()).size).toBe(sets.flat().length);
  });

  it('tenants, and the scopes for them, are known at the installation only', async () => {
    await expectNoTenantsAt(house('acme'), house('default'));
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
