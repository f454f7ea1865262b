import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { z } from 'zod';
import { inventory, objectShape } from '../../src/api/contract.js';
import { endpointsOf } from '../../src/endpoints.js';
import type { Tenant } from '../../src/features/tenants/tenant.entity.js';
import { installationScopes, managementScopes } from '../../src/management.js';
import { withContext } from '../../src/platform/context.js';
import { type Requirement, waysOf, wordsOf } from '../../src/platform/requirement.js';
import type { Services } from '../../src/services.js';
import { ask, makeManager, managementToken, tokenWith } from '../support/api.js';
import { bodyFor } from '../support/bodies.js';
import { Browser } from '../support/browser.js';
import { furnish } from '../support/furnished.js';
import { makeClient, makePerson, type Party, post, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const endpoints = endpointsOf({} as Services);
const routes = inventory(endpoints);
const nobody = '00000000-0000-7000-8000-000000000000';
/** Of an ordinary tenant, and of the one that runs the installation. */
const ordinary = Object.keys(managementScopes);
/** What no request says of what it makes or changes. */
const privileged = [
  'id',
  'tenant_id',
  'created_at',
  'updated_at',
  'version',
  'actor',
  'password_hash',
  'is_admin',
  'verified',
];
const all = [...ordinary, ...Object.keys(installationScopes)];
const every = all.join(' ');

/** All routes of the management API and the scope each needs. Whoever adds a route says here that it was thought about. */
const listed: Record<string, Requirement> = {
  'get /clients': 'clients:read',
  'post /clients': 'clients:write',
  'get /clients/:client_id': 'clients:read',
  'patch /clients/:client_id': 'clients:write',
  'delete /clients/:client_id': 'clients:write',
  'put /clients/:client_id/suspension': 'clients:write',
  'delete /clients/:client_id/suspension': 'clients:write',
  'get /clients/:client_id/secrets': 'clients:read',
  'post /clients/:client_id/secrets': 'clients:write',
  'delete /clients/:client_id/secrets/:secret_id': 'clients:write',
  'get /initial-access-tokens': 'clients:read',
  'post /initial-access-tokens': 'clients:write',
  'get /initial-access-tokens/:initial_access_token_id': 'clients:read',
  'delete /initial-access-tokens/:initial_access_token_id': 'clients:write',
  'get /users': 'users:read',
  'post /users': 'users:write',
  'post /users/bulk': 'users:write',
  'post /users/:user_id/verification-letters': 'users:write',
  'get /users/:user_id': 'users:read',
  'patch /users/:user_id': 'users:write',
  'delete /users/:user_id': 'users:write',
  'put /users/:user_id/suspension': { anyOf: ['users:lock', 'users:write'] },
  'delete /users/:user_id/suspension': { anyOf: ['users:lock', 'users:write'] },
  'delete /users/:user_id/deletion': 'users:write',
  'get /users/:user_id/roles': 'roles:read',
  'put /users/:user_id/roles': 'roles:write',
  'put /users/:user_id/roles/:role': 'roles:write',
  'delete /users/:user_id/roles/:role': 'roles:write',
  'get /users/:user_id/permissions': 'roles:read',
  'post /permission-checks': 'roles:read',
  'get /users/:user_id/impersonations': 'users:read',
  'post /users/:user_id/impersonations': 'users:impersonate',
  'delete /users/:user_id/impersonations/:impersonation_id': 'users:impersonate',
  'get /clients/:client_id/roles': 'roles:read',
  'put /clients/:client_id/roles': 'roles:write',
  'put /clients/:client_id/roles/:role': 'roles:write',
  'delete /clients/:client_id/roles/:role': 'roles:write',
  'get /roles': 'roles:read',
  'post /roles': 'roles:write',
  'get /roles/:role': 'roles:read',
  'patch /roles/:role': 'roles:write',
  'delete /roles/:role': 'roles:write',
  'post /users/:user_id/password-links': 'users:write',
  'get /users/:user_id/lockout': 'users:read',
  'delete /users/:user_id/lockout': { anyOf: ['users:lock', 'users:write'] },
  'get /users/:user_id/lockouts': 'users:read',
  'delete /users/:user_id/second-factors': 'users:write',
  'get /users/:user_id/trusted-devices': 'users:read',
  'delete /users/:user_id/trusted-devices/:device_id': 'users:write',
  'get /users/:user_id/identities': 'users:read',
  'post /users/:user_id/identities': 'users:write',
  'delete /users/:user_id/identities/:identity_id': 'users:write',
  'get /resources': 'resources:read',
  'post /resources': 'resources:write',
  'get /resources/:resource_id': 'resources:read',
  'get /resources/:resource_id/metadata': 'resources:read',
  'patch /resources/:resource_id': 'resources:write',
  'delete /resources/:resource_id': 'resources:write',
  'get /exchange-policies': 'exchange:read',
  'post /exchange-policies': 'exchange:write',
  'get /exchange-policies/:policy_id': 'exchange:read',
  'patch /exchange-policies/:policy_id': 'exchange:write',
  'delete /exchange-policies/:policy_id': 'exchange:write',
  'get /trusted-issuers': 'issuers:read',
  'post /trusted-issuers': 'issuers:write',
  'get /trusted-issuers/:issuer_id': 'issuers:read',
  'patch /trusted-issuers/:issuer_id': 'issuers:write',
  'delete /trusted-issuers/:issuer_id': 'issuers:write',
  'put /trusted-issuers/:issuer_id/suspension': 'issuers:write',
  'delete /trusted-issuers/:issuer_id/suspension': 'issuers:write',
  'get /trusted-issuers/:issuer_id/subjects': 'issuers:read',
  'post /trusted-issuers/:issuer_id/subjects': 'issuers:write',
  'delete /trusted-issuers/:issuer_id/subjects/:subject_id': 'issuers:write',
  'get /organizations': 'organizations:read',
  'post /organizations': 'organizations:write',
  'get /organizations/:organization': 'organizations:read',
  'put /organizations/:organization': 'organizations:write',
  'patch /organizations/:organization': 'organizations:write',
  'delete /organizations/:organization': 'organizations:write',
  'put /organizations/:organization/suspension': 'organizations:write',
  'delete /organizations/:organization/suspension': 'organizations:write',
  'get /organizations/:organization/members': 'organizations:read',
  'post /organizations/:organization/members': 'organizations:write',
  'get /organizations/:organization/members/:user_id': 'organizations:read',
  'put /organizations/:organization/members/:user_id': 'organizations:write',
  'delete /organizations/:organization/members/:user_id': 'organizations:write',
  'put /organizations/:organization/members/:user_id/suspension': 'organizations:write',
  'delete /organizations/:organization/members/:user_id/suspension': 'organizations:write',
  'post /organizations/:organization/members/bulk': 'organizations:write',
  'get /organizations/:organization/history': 'organizations:read',
  'get /organizations/:organization/members/:user_id/history': 'organizations:read',
  'get /organizations/:organization/statistics': 'organizations:read',
  'get /organizations/:organization/roles': 'organizations:read',
  'post /organizations/:organization/roles': 'organizations:write',
  'get /organizations/:organization/roles/:role_id': 'organizations:read',
  'patch /organizations/:organization/roles/:role_id': 'organizations:write',
  'delete /organizations/:organization/roles/:role_id': 'organizations:write',
  'get /organization-roles': 'organizations:read',
  'post /organization-roles': 'organizations:write',
  'get /organization-roles/:role_id': 'organizations:read',
  'patch /organization-roles/:role_id': 'organizations:write',
  'delete /organization-roles/:role_id': 'organizations:write',
  'get /organizations/:organization/teams': 'organizations:read',
  'post /organizations/:organization/teams': 'organizations:write',
  'get /organizations/:organization/teams/:team_id': 'organizations:read',
  'patch /organizations/:organization/teams/:team_id': 'organizations:write',
  'delete /organizations/:organization/teams/:team_id': 'organizations:write',
  'get /organizations/:organization/teams/:team_id/members': 'organizations:read',
  'put /organizations/:organization/teams/:team_id/members/:user_id': 'organizations:write',
  'delete /organizations/:organization/teams/:team_id/members/:user_id': 'organizations:write',
  'get /connections': 'connections:read',
  'post /connections': 'connections:write',
  'get /connections/:connection_id': 'connections:read',
  'patch /connections/:connection_id': 'connections:write',
  'delete /connections/:connection_id': 'connections:write',
  'put /connections/:connection_id/enablement': 'connections:write',
  'delete /connections/:connection_id/enablement': 'connections:write',
  'get /connections/:connection_id/service-provider': 'connections:read',
  'post /connections/:connection_id/keys': 'connections:write',
  'post /connections/:connection_id/mapping-previews': 'connections:read',
  'post /connections/:connection_id/refreshes': 'connections:write',
  'get /organizations/:organization/connections': 'connections:read',
  'post /organizations/:organization/connections': 'connections:write',
  'get /organizations/:organization/connections/:connection_id': 'connections:read',
  'patch /organizations/:organization/connections/:connection_id': 'connections:write',
  'delete /organizations/:organization/connections/:connection_id': 'connections:write',
  'put /organizations/:organization/connections/:connection_id/enablement': 'connections:write',
  'delete /organizations/:organization/connections/:connection_id/enablement': 'connections:write',
  'get /organizations/:organization/connections/:connection_id/service-provider': 'connections:read',
  'post /organizations/:organization/connections/:connection_id/keys': 'connections:write',
  'post /organizations/:organization/connections/:connection_id/mapping-previews': 'connections:read',
  'post /organizations/:organization/connections/:connection_id/refreshes': 'connections:write',
  'get /webhooks': 'webhooks:read',
  'post /webhooks': 'webhooks:write',
  'get /webhooks/:webhook_id': 'webhooks:read',
  'patch /webhooks/:webhook_id': 'webhooks:write',
  'delete /webhooks/:webhook_id': 'webhooks:write',
  'put /webhooks/:webhook_id/enablement': 'webhooks:write',
  'delete /webhooks/:webhook_id/enablement': 'webhooks:write',
  'post /webhooks/:webhook_id/secrets': 'webhooks:write',
  'post /webhooks/:webhook_id/tests': 'webhooks:write',
  'get /webhooks/:webhook_id/deliveries': 'webhooks:read',
  'get /webhooks/:webhook_id/deliveries/:delivery_id': 'webhooks:read',
  'post /webhooks/:webhook_id/deliveries/:delivery_id/replays': 'webhooks:write',
  'post /webhooks/:webhook_id/replays': 'webhooks:write',
  'get /organizations/:organization/webhooks': 'webhooks:read',
  'post /organizations/:organization/webhooks': 'webhooks:write',
  'get /organizations/:organization/webhooks/:webhook_id': 'webhooks:read',
  'patch /organizations/:organization/webhooks/:webhook_id': 'webhooks:write',
  'delete /organizations/:organization/webhooks/:webhook_id': 'webhooks:write',
  'put /organizations/:organization/webhooks/:webhook_id/enablement': 'webhooks:write',
  'delete /organizations/:organization/webhooks/:webhook_id/enablement': 'webhooks:write',
  'post /organizations/:organization/webhooks/:webhook_id/secrets': 'webhooks:write',
  'post /organizations/:organization/webhooks/:webhook_id/tests': 'webhooks:write',
  'get /organizations/:organization/webhooks/:webhook_id/deliveries': 'webhooks:read',
  'get /organizations/:organization/webhooks/:webhook_id/deliveries/:delivery_id': 'webhooks:read',
  'post /organizations/:organization/webhooks/:webhook_id/deliveries/:delivery_id/replays': 'webhooks:write',
  'post /organizations/:organization/webhooks/:webhook_id/replays': 'webhooks:write',
  'get /organizations/:organization/domains': 'organizations:read',
  'post /organizations/:organization/domains': 'organizations:write',
  'get /organizations/:organization/domains/:domain_id': 'organizations:read',
  'patch /organizations/:organization/domains/:domain_id': 'organizations:write',
  'delete /organizations/:organization/domains/:domain_id': 'organizations:write',
  'post /organizations/:organization/domains/:domain_id/verification': 'organizations:write',
  'get /organizations/:organization/invitations': 'organizations:read',
  'post /organizations/:organization/invitations': 'organizations:write',
  'post /organizations/:organization/invitations/bulk': 'organizations:write',
  'get /organizations/:organization/invitations/:invitation_id': 'organizations:read',
  'delete /organizations/:organization/invitations/:invitation_id': 'organizations:write',
  'post /organizations/:organization/invitations/:invitation_id/letters': 'organizations:write',
  'get /organizations/:organization/invitation-templates': 'organizations:read',
  'post /organizations/:organization/invitation-templates': 'organizations:write',
  'get /organizations/:organization/invitation-templates/:template_id': 'organizations:read',
  'patch /organizations/:organization/invitation-templates/:template_id': 'organizations:write',
  'delete /organizations/:organization/invitation-templates/:template_id': 'organizations:write',
  'post /session-endings': { allOf: ['sessions:write', 'users:write'] },
  'get /sessions': 'sessions:read',
  'delete /sessions/:session_id': 'sessions:write',
  'delete /users/:user_id/sessions': 'sessions:write',
  'get /grants': 'grants:read',
  'delete /grants/:grant_id': 'grants:write',
  'get /token-endings': 'token_endings:read',
  'get /signing-keys': 'keys:read',
  'post /signing-keys/rotate': 'keys:write',
  'get /mail-messages': 'mail:read',
  'get /mail-messages/:message_id': 'mail:read',
  'post /mail-messages/:message_id/retries': 'mail:write',
  'get /logout-notices': 'sessions:read',
  'get /logout-notices/:notice_id': 'sessions:read',
  'post /logout-notices/:notice_id/retries': 'sessions:write',
  'get /audit-events': 'audit:read',
  'get /audit-events/export': 'audit:export',
  'get /audit-events/stream': 'audit:read',
  'get /health': 'health:read',
  'get /mail-templates': 'settings:read',
  'get /mail-templates/:name/:locale': 'settings:read',
  'put /mail-templates/:name/:locale': 'settings:write',
  'delete /mail-templates/:name/:locale': 'settings:write',
  'post /mail-templates/:name/:locale/previews': 'settings:read',
  'get /branding': 'settings:read',
  'put /branding': 'settings:write',
  'patch /branding': 'settings:write',
  'put /branding/logo': 'settings:write',
  'delete /branding/logo': 'settings:write',
  'get /organizations/:organization/branding': 'organizations:read',
  'put /organizations/:organization/branding': 'organizations:write',
  'patch /organizations/:organization/branding': 'organizations:write',
  'put /organizations/:organization/branding/logo': 'organizations:write',
  'delete /organizations/:organization/branding/logo': 'organizations:write',
  'get /maintenance': 'health:read',
  'put /maintenance': 'maintenance:write',
  'delete /maintenance': 'maintenance:write',
  'get /installation/maintenance': 'tenants:read',
  'put /installation/maintenance': 'tenants:write',
  'delete /installation/maintenance': 'tenants:write',
  'get /traces': 'traces:read',
  'get /traces/:trace_id': 'traces:read',
  'post /traces/:trace_id/validations': 'traces:read',
  'get /api-keys': 'api_keys:read',
  'post /api-keys': 'api_keys:write',
  'get /api-keys/:api_key_id': 'api_keys:read',
  'patch /api-keys/:api_key_id': 'api_keys:write',
  'delete /api-keys/:api_key_id': 'api_keys:write',
  'post /api-keys/:api_key_id/rotations': 'api_keys:write',
  'get /api-keys/:api_key_id/usage': 'api_keys:read',
  'get /settings': 'settings:read',
  'patch /settings': 'settings:write',
  'get /jobs': 'jobs:read',
  'post /jobs': 'jobs:write',
  'get /jobs/:job_id': 'jobs:read',
  'put /jobs/:job_id/cancellation': 'jobs:write',
  'delete /jobs/:job_id': 'jobs:write',
  'get /jobs/:job_id/result': 'jobs:read',
  'get /jobs/:job_id/events': 'jobs:read',
  'get /tenants': 'tenants:read',
  'post /tenants': 'tenants:write',
  'get /tenants/:tenant': 'tenants:read',
  'patch /tenants/:tenant': 'tenants:write',
  'delete /tenants/:tenant': 'tenants:write',
  'put /tenants/:tenant/suspension': 'tenants:write',
  'delete /tenants/:tenant/suspension': 'tenants:write',
  'post /tenants/:tenant/setup-links': 'tenants:write',
};

describe('every route of the management API (RFC 6750, RFC 9457)', () => {
  let server: TestServer;
  let tenant: Tenant;
  let everything: string;
  /** What exists at the default tenant, by the name of the path parameter. */
  let here: Record<string, string>;
  /** What exists at another tenant. */
  let there: Record<string, string>;

  beforeAll(async () => {
    server = await startServer();
    everything = await tokenWith(server, every);
    tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'other', name: 'Other' }));
    here = await server.inside((services) => furnish(services));
    there = await withContext({ tenantId: tenant.id }, () => furnish(server.services));
  }, 180_000);
  afterAll(() => server?.close());

  const fill = (path: string, ids: Record<string, string>) =>
    path.replace(/:(\w+)/g, (_all, name: string) => encodeURIComponent(ids[name] ?? nobody)) +
    (path.endsWith('/statistics') ? '?from=2026-01-01&to=2026-02-01' : '');
  const cases = routes.map(({ method, path, scope }) => [method, path, scope] as const);
  const withBody = endpoints
    .filter(({ body }) => body !== undefined)
    .map(({ method, path }) => [method, path] as const);
  const bodyOf = (method: string, path: string) => {
    const body = endpoints.find((one) => one.method === method && one.path === path)?.body;
    if (!body) throw new Error(`${method} ${path} takes no body`);
    return body;
  };
  /** The members that name something else. */
  const named = (body: z.ZodType) => Object.keys(objectShape(body) ?? {}).filter((name) => /_id$/.test(name));
  const naming = withBody.filter(([method, path]) => named(bodyOf(method, path)).length > 0);

  it('is listed here with the scope it needs', () => {
    expect(Object.fromEntries(routes.map(({ method, path, scope }) => [`${method} ${path}`, scope]))).toEqual(listed);
    for (const scope of Object.values(listed)) expect(all).toEqual(expect.arrayContaining([...wordsOf(scope)]));
  });

  it.each(cases)('%s %s without a token: 401, and not a word more (RFC 6750 §3.1)', async (method, path) => {
    const answer = await ask(server, undefined, method, fill(path, here));
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(
      /^Bearer realm="[^"]+", resource_metadata="[^"]+", DPoP realm="[^"]+", resource_metadata="[^"]+", algs="[A-Za-z0-9 ]+"$/,
    );
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  });

  it.each(cases)('%s %s with every scope but its own: 403', async (method, path, scope) => {
    const token = await others(scope);
    const answer = await ask(server, token, method, fill(path, here));
    expect([answer.status, answer.body.code]).toEqual([403, 'insufficient_scope']);
    expect(answer.headers.get('www-authenticate')).toContain(`scope="${waysOf(scope)[0]?.join(' ')}"`);
  });

  const withoutOne = new Map<string, Promise<string>>();
  const others = (scope: Requirement): Promise<string> => {
    const own = wordsOf(scope);
    const kept =
      withoutOne.get(own.join()) ??
      tokenWith(
        server,
        every
          .split(' ')
          .filter((one) => !own.includes(one))
          .join(' '),
      );
    withoutOne.set(own.join(), kept);
    return kept;
  };

  describe('with a token that is not for it', () => {
    const foreign = new Map<string, string>();

    beforeAll(async () => {
      const api = 'https://api.trips.example';
      await server.inside(({ resources }) =>
        resources.create({
          identifier: api,
          name: 'Trips',
          scopes: all.map((name) => ({ name })),
        }),
      );
      const manager = await makeManager(server, every);
      const other = await post(server, '/token', manager, {
        grant_type: 'client_credentials',
        scope: every,
        resource: api,
      });
      foreign.set('for another resource', String(other.body.access_token));
      const none = await post(server, '/token', manager, { grant_type: 'client_credentials' });
      foreign.set('for no resource', String(none.body.access_token));

      const atOther: TestServer = {
        ...server,
        issuer: tenant.issuer(server.issuer),
        inside: (work) => withContext({ tenantId: tenant.id }, () => work(server.services)),
      };
      foreign.set('of another tenant', await tokenWith(atOther, ordinary.join(' ')));
      const party = await makeClient(server);
      const person = await makePerson(server);
      const tokens = await tokensFor(server, party, person.email, {}, new Browser());
      foreign.set('of a person at a client', String(tokens.access_token));
      foreign.set('that is an ID token', String(tokens.id_token));
      foreign.set('that is a refresh token', String(tokens.refresh_token));
      foreign.set('that nobody made', 'A'.repeat(43));
      const { value } = await atOther.inside(({ apiKeys }) => apiKeys.create({ name: 'Theirs', scopes: ordinary }));
      foreign.set('that is an API key of another tenant', value);
    }, 180_000);

    it.each([
      'for another resource',
      'for no resource',
      'of another tenant',
      'of a person at a client',
      'that is an ID token',
      'that is a refresh token',
      'that nobody made',
      'that is an API key of another tenant',
    ])('%s: 401 at each', async (which) => {
      const token = foreign.get(which);
      expect(token).toEqual(expect.stringMatching(/^[\w.-]{20,}$/));
      for (const { method, path } of routes) {
        const answer = await ask(server, token, method, fill(path, here));
        expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 401, 'invalid_token']);
      }
    });
  });

  it.each(withBody)('%s %s with a member nobody knows: 422, and it says which', async (method, path) => {
    const answer = await ask(server, everything, method, fill(path, here), { urn_privilege: true });
    expect(answer.status).toBe(422);
    expect(answer.body.errors ?? answer.body.issues).toEqual(
      expect.arrayContaining([expect.objectContaining({ pointer: '/urn_privilege' })]),
    );
  });

  it.each(withBody)("%s %s with members that are the server's to say: 422, and it says which", async (method, path) => {
    const known = objectShape(bodyOf(method, path)) ?? {};
    const theirs = privileged.filter((name) => !(name in known));
    const answer = await ask(server, everything, method, fill(path, here), {
      ...bodyFor(bodyOf(method, path), here),
      ...Object.fromEntries(theirs.map((name) => [name, here[name] ?? 'somebody'])),
    });
    expect(answer.status).toBe(422);
    const pointers = (answer.body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers).toEqual(expect.arrayContaining(theirs.map((name) => `/${name}`)));
  });

  it.each(naming)('%s %s that names in its body what belongs to another tenant: refused', async (method, path) => {
    const body = bodyOf(method, path);
    const least = bodyFor(body, { ...here, owner_id: here.user_id });
    for (const name of named(body)) {
      const foreign = { ...least, [name]: name === 'owner_id' ? there.user_id : there[name] };
      const answer = await ask(server, everything, method, fill(path, here), foreign);
      expect([403, 404, 409, 422]).toContain(answer.status);
    }
  });

  it.each(withBody)('%s %s with __proto__: 400', async (method, path) => {
    for (const body of ['{"__proto__":{"admin":true}}', '{"a":{"constructor":{"prototype":{}}}}'])
      expect((await ask(server, everything, method, fill(path, here), body)).status).toBe(400);
  });

  it.each(cases.filter(([, path]) => path.includes(':')))(
    '%s %s for what belongs to another tenant, or to nobody: 404 alike',
    async (method, path) => {
      const endpoint = endpoints.find((one) => one.method === method && one.path === path);
      const body = endpoint?.body ? bodyFor(endpoint.body) : undefined;
      const headers: Record<string, string> = endpoint?.stream ? { accept: 'text/event-stream' } : {};
      const foreign = await ask(server, everything, method, fill(path, there), body, headers);
      const unknown = await ask(server, everything, method, fill(path, {}), body, headers);
      expect([method, path, foreign.status, unknown.status]).toEqual([method, path, 404, 404]);
      const { instance: a, request_id: b, ...words } = foreign.body;
      const { instance: c, request_id: d, ...same } = unknown.body;
      expect(words).toEqual(same);
    },
  );

  it.each(cases.filter(([method]) => method === 'get').filter(([, path]) => !path.includes(':')))(
    '%s %s lists nothing of another tenant',
    async (method, path) => {
      const answer = await ask(server, everything, method, path);
      // Whoever has every scope is no resource server by that; what never ends is asked for by its own media type (audit-stream).
      const apart: Record<string, number> = { '/token-endings': 403, '/audit-events/stream': 406 };
      expect(answer.status).toBe(apart[path] ?? 200);
      const text = JSON.stringify(answer.body);
      for (const id of Object.values(there)) expect(text).not.toContain(id);
    },
  );

  it('is closed to a token at once when it is revoked, when its client is disabled, and when it is deleted', async () => {
    const endings: ((manager: Party, token: string) => Promise<unknown>)[] = [
      (manager, token) => post(server, '/revoke', manager, { token }),
      (manager) => ask(server, everything, 'put', `/clients/${manager.clientId}/suspension`),
      (manager) => ask(server, everything, 'delete', `/clients/${manager.clientId}`),
    ];
    for (const end of endings) {
      const manager = await makeManager(server, 'clients:read');
      const token = await managementToken(server, manager, 'clients:read');
      expect((await ask(server, token, 'get', '/clients')).status).toBe(200);
      await end(manager, token);
      expect((await ask(server, token, 'get', '/clients')).status).toBe(401);
    }
  });

  it('takes no token from the address or a form (RFC 9700 §4.3.2)', async () => {
    expect((await ask(server, undefined, 'get', `/clients?access_token=${everything}`)).status).toBe(400);
    const form = await ask(server, undefined, 'post', '/clients', `access_token=${everything}`, {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(form.status).toBe(401);
  });

  it('is one address per resource: no other case, slash or method', async () => {
    for (const path of ['/Clients', '/clients/', '//clients'])
      expect((await ask(server, everything, 'get', path)).status).toBe(404);
    const wrong = await ask(server, everything, 'put', '/clients', {});
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, expect.stringContaining('GET')]);
  });

  describe('nobody makes somebody stronger than themselves', () => {
    it('a client with scopes the caller does not hold: 403, by creation and by change', async () => {
      const token = await tokenWith(server, 'clients:read clients:write');
      const strong = {
        client_name: 'Strong',
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        scope: 'users:write',
      };
      expect((await ask(server, token, 'post', '/clients', strong)).status).toBe(403);
      const made = await ask(server, token, 'post', '/clients', { ...strong, scope: 'clients:write' });
      expect(made.status).toBe(201);
      const path = `/clients/${made.body.client_id}`;
      for (const scope of ['clients:write users:read', 'audit:read'])
        expect((await ask(server, token, 'patch', path, { scope })).status).toBe(403);
      expect((await ask(server, token, 'get', path)).body.scope).toBe('clients:write');
    });

    it('a person who has roles changes only by who may give roles', async () => {
      const weak = await tokenWith(server, 'users:read users:write');
      const admin = await makePerson(server);
      await server.inside(async ({ users }) => users.setRoles(await users.find(admin.id), ['SUPPORT']));
      const path = `/users/${admin.id}`;
      const attempts: [string, string, unknown?][] = [
        ['patch', path, { email: 'mine@example.com' }],
        ['delete', path],
        ['put', `${path}/suspension`],
        ['delete', `${path}/suspension`],
        ['delete', `${path}/lockout`],
        ['put', `${path}/roles`, { roles: [] }],
      ];
      for (const [method, address, body] of attempts)
        expect([method, address, (await ask(server, weak, method, address, body)).status]).toEqual([
          method,
          address,
          403,
        ]);
      const unchanged = await ask(server, weak, 'get', path);
      expect(unchanged.body).toMatchObject({ email: admin.email, roles: ['SUPPORT'], disabled_at: null });
      const strong = await tokenWith(server, 'users:write roles:write');
      expect((await ask(server, strong, 'patch', path, { claims: { name: 'New Name' } })).status).toBe(200);
    });
  });
});
