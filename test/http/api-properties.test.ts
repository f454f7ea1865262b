import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { version } from '../../config/root.js';
import { buildOpenApi } from '../../src/api/openapi.js';
import { endpointsOf } from '../../src/endpoints.js';
import { installationScopes, managementScopes } from '../../src/management.js';
import { withContext } from '../../src/platform/context.js';
import { wordsOf } from '../../src/platform/requirement.js';
import type { Services } from '../../src/services.js';
import { makeManager, managementToken } from '../support/api.js';
import { bodyFor } from '../support/bodies.js';
import { type Answered, Described, type Operation } from '../support/described.js';
import { furnish, ofOrganization } from '../support/furnished.js';
import { anyText, Generator, junk, settled, spoiled } from '../support/generated.js';
import { NameServer } from '../support/name-server.js';
import type { Party } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

/** How many requests, of all operations together; API_REQUESTS=100000 for a night. */
const total = Number(process.env.API_REQUESTS ?? 3000);
/** The same requests each time; API_SEED=… for others. */
const seed = Number(process.env.API_SEED ?? 9457);

const endpoints = endpointsOf({} as Services);
const described = new Described(buildOpenApi(endpoints, { issuer: 'https://id.example.com', version }));
const generator = new Generator(described);
const rank = ['post', 'get', 'put', 'patch', 'delete'];
/** What the least of a body is, where rules between its members ask for more than the schema does. */
const examples: Record<string, (ids: Record<string, string>) => object> = {
  '/clients': () => ({ client_name: 'Somebody', redirect_uris: ['https://somebody.example/cb'] }),
  '/jobs': () => ({ kind: 'audit_export', filter: { name: 'nothing' } }),
  '/users/bulk': ({ user_id }) => ({ operations: [{ op: 'enable', user_id }] }),
  '/organizations/{organization}/members': ({ stranger_id }) => ({ user_id: stranger_id }),
  '/permission-checks': ({ user_id }) => ({ user_id, permissions: ['users:read'] }),
  '/mail-templates/{name}/{locale}': () => ({ subject: 'Goodbye', text: 'Goodbye' }),
  '/resources': () => ({ identifier: 'urn:somebody', name: 'Somebody' }),
  '/exchange-policies': ({ client_id }) => ({ client_id, subject_clients: [client_id], resources: ['urn:somebody'] }),
  '/trusted-issuers': ({ client_id }) => ({
    issuer: 'https://somebody.example',
    name: 'Somebody',
    jwks_uri: 'https://somebody.example/jwks',
    clients: [client_id],
    resources: ['urn:somebody'],
    scopes: [],
  }),
};
/** What a query cannot do without. */
const needed: Record<string, string> = { from: '2026-01-01', to: '2026-02-01' };
/** What the least request is refused for all the same. */
const refused: Record<string, string> = {
  'post /users/{user_id}/impersonations': 'person_required',
  'delete /users/{user_id}/impersonations/{impersonation_id}': 'not_found',
  'delete /users/{user_id}/trusted-devices/{device_id}': 'not_found',
  'post /organizations/{organization}/domains/{domain_id}/verification': 'domain_not_proved',
  'post /organizations/{organization}/invitations/{invitation_id}/letters': 'too_soon',
  'post /connections/{connection_id}/keys': 'no_keys',
  'post /organizations/{organization}/connections/{connection_id}/keys': 'no_keys',
  'put /connections/{connection_id}/enablement': 'connection_incomplete',
  'put /organizations/{organization}/connections/{connection_id}/enablement': 'connection_incomplete',
  'post /signing-keys/rotate': 'next_key_too_young',
  'post /traces/{trace_id}/validations': 'nothing_to_validate',
  'put /jobs/{job_id}/cancellation': 'job_ended',
  'get /token-endings': 'not_a_resource_server',
  'get /audit-events/stream': 'not_acceptable',
  'get /jobs/{job_id}/events': 'not_acceptable',
};
/** Of a tenant there are at most twenty of some things: after so many operations the next one is asked. */
const operationsPerTenant = 6;
const ofInstallation = Object.keys(installationScopes);
/** What makes things first, what takes them away last. */
const operations = described.operations().sort((a, b) => rank.indexOf(a.method) - rank.indexOf(b.method));
const runs = Math.ceil(total / operations.length);

const endpointOf = ({ method, path }: Pick<Operation, 'method' | 'path'>) =>
  endpoints.find((one) => one.method === method && one.path.replace(/:(\w+)/g, '{$1}') === path);

describe('whatever is sent to the management API, what it answers is what its document says (OpenAPI 3.1, RFC 9457)', () => {
  const dns = new NameServer();
  let server: TestServer;
  /** The tenant that is asked. */
  let house: House;
  let installation: House;
  let token: string;
  let asked = 0;

  beforeAll(async () => {
    server = await startServer({ quiet: true, overrides: { dns: { resolveTxt: dns.resolveTxt } } });
    installation = await moveIn(server, [...Object.keys(managementScopes), ...ofInstallation]);
  }, 180_000);
  afterAll(() => server?.close());

  interface House {
    server: TestServer;
    manager: Party;
    scope: string;
    /** What is known to exist, by the name of the parameter that names it. */
    pool: Map<string, string[]>;
  }

  async function moveIn(at: TestServer, scopes: string[]): Promise<House> {
    const scope = scopes.join(' ');
    return { server: at, manager: await makeManager(at, scope), scope, pool: new Map() };
  }

  async function nextTenant(slug: string): Promise<House> {
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug, name: 'Next' }));
    const inside: TestServer['inside'] = (work) => withContext({ tenantId: tenant.id }, () => work(server.services));
    return moveIn({ ...server, issuer: tenant.issuer(server.issuer), inside }, Object.keys(managementScopes));
  }

  const existing = (name: string, n: number): string => {
    const all = house.pool.get(name) ?? [];
    return all[n % all.length] ?? '00000000-0000-7000-8000-000000000000';
  };

  const addressed = ({ path }: Operation, names: (number | string)[]): string => {
    let position = 0;
    return path.replace(/\{(\w+)\}/g, (_all, name: string) => {
      const said = names[position++] ?? 0;
      const kept =
        path.startsWith('/organizations/') && house.pool.has(ofOrganization(name)) ? ofOrganization(name) : name;
      return encodeURIComponent(typeof said === 'string' ? said : existing(kept, said));
    });
  };

  /** Something of each that is there for certain, whatever was taken away before: the first of its kind from now on. */
  async function furnished(name: string): Promise<void> {
    const { pool } = house;
    pool.set('name', ['account_deleted']).set('locale', ['en']);
    await house.server.inside(({ ownWords }) =>
      ownWords.put({ name: 'account_deleted', locale: 'en' }, { subject: 'Goodbye', text: 'Goodbye' }),
    );
    if (house === installation) {
      const { slug } = await server.inside(({ tenants }) => tenants.create({ slug: `of-${name}`, name: 'There' }));
      pool.set('tenant', [slug, ...(pool.get('tenant') ?? [])]);
    }
    for (const [kind, id] of Object.entries(await house.server.inside((services) => furnish(services, name))))
      pool.set(kind, [id, ...(pool.get(kind) ?? [])]);
  }

  const leastBody = ({ method, path }: Operation): object | undefined => {
    const schema = endpointOf({ method, path })?.body;
    const ids = Object.fromEntries([...house.pool].map(([name, [first = '']]) => [name, first]));
    return schema && (examples[path]?.(ids) ?? bodyFor(schema, { ...ids, owner_id: ids.user_id }));
  };

  interface Sent {
    address: string;
    query?: string;
    body?: unknown;
    headers?: Record<string, string>;
  }

  async function send(operation: Operation, { address, query, body, headers }: Sent): Promise<Answered> {
    const response = await fetch(`${house.server.issuer}/api/v1${address}${query ? `?${query}` : ''}`, {
      method: operation.method.toUpperCase(),
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': operation.body?.type ?? 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answered = {
      status: response.status,
      type: response.headers.get('content-type') ?? '',
      text: await response.text(),
    };
    if (response.ok) learn(operation.path, answered.text);
    return answered;
  }

  /** What `/users` answers is what `/users/{user_id}` names. The manager itself and the tenants that are asked stay out of it. */
  function learn(path: string, text: string): void {
    const [name] = operations.flatMap(
      (one) => one.path.match(new RegExp(`^${path.replace(/[{}]/g, '\\$&')}/\\{(\\w+)\\}$`))?.[1] ?? [],
    );
    if (!name || !text) return;
    const said = JSON.parse(text) as { items?: object[] };
    for (const one of said.items ?? [said]) {
      const { [name]: named, id, slug } = one as Record<string, unknown>;
      const value = named ?? id;
      const all = house.pool.get(name) ?? [];
      house.pool.set(name, all);
      const asks = value === house.manager.clientId || /^(default|house-\d+)$/.test(String(slug));
      if (typeof value === 'string' && !asks && !all.includes(value)) all.push(value);
    }
  }

  const request = (operation: Operation) => {
    const { parameters, body } = operation;
    const names = parameters.filter((one) => one.in === 'path');
    const queries = parameters.filter((one) => one.in === 'query');
    const headers = parameters.filter((one) => one.in === 'header');
    const least = leastBody(operation);
    const whole = body ? generator.value(body.schema) : fc.constant(undefined);
    return fc.record({
      names: fc.tuple(
        ...names.map(({ schema }) =>
          fc.oneof(
            { weight: 12, arbitrary: fc.nat(99) },
            { weight: 1, arbitrary: generator.value(schema) as fc.Arbitrary<string> },
            { weight: 1, arbitrary: anyText.filter((one) => !/^\.{0,2}$/.test(one)) },
          ),
        ),
      ),
      query: fc.tuple(
        ...queries.map(({ name, schema }) =>
          fc.oneof(
            { weight: 3, arbitrary: fc.constant([]) },
            {
              weight: 3,
              arbitrary:
                name === 'wait'
                  ? fc.constant([[name, '0']])
                  : generator.value(schema, name).map((one) => [[name, String(one)]]),
            },
            { weight: 1, arbitrary: anyText.map((one) => [[name, one]]) },
            {
              weight: 1,
              arbitrary: fc.tuple(anyText, anyText).map(([one, other]) => [
                [name, one],
                [name, other],
              ]),
            },
          ),
        ),
      ),
      body:
        operation.method === 'get'
          ? fc.constant(undefined)
          : fc.oneof(
              { weight: 2, arbitrary: whole },
              {
                weight: 2,
                arbitrary: whole.map((one) => (body && typeof one === 'object' ? { ...least, ...one } : one)),
              },
              {
                weight: 2,
                arbitrary: fc.tuple(whole, fc.nat(), junk).map(([one, at, what]) => spoiled(one, at, what)),
              },
            ),
      headers: fc.tuple(
        ...headers.map(({ name }) =>
          fc.oneof(
            { weight: 5, arbitrary: fc.constant([]) },
            {
              weight: 1,
              arbitrary: fc
                .constantFrom('"1"', '"0"', '*', 'W/"1"', '"1", "2"', 'x', '"99999999999999999"')
                .map((one) => [[name, one]]),
            },
          ),
        ),
      ),
    });
  };

  it.each(operations.map((one, n) => [one.method, one.path, one, n] as const))(
    '%s %s',
    async (method, path, operation, n) => {
      if (wordsOf(endpointOf(operation)?.scope ?? '').some((one) => ofInstallation.includes(one))) house = installation;
      else if (!house || house === installation || asked++ % operationsPerTenant === 0)
        house = await nextTenant(`house-${n}`);
      token = await managementToken(house.server, house.manager, house.scope);
      await furnished(`house-${n}`);
      const least = await send(operation, {
        address: addressed(operation, []),
        query: new URLSearchParams(
          operation.parameters.flatMap(({ in: where, name, required }) =>
            where === 'query' && required ? [[name, needed[name] ?? '']] : [],
          ),
        ).toString(),
        body: leastBody(operation),
      });
      expect(described.fault(operation, least)).toBeUndefined();
      const code = least.status < 300 ? undefined : (JSON.parse(least.text) as { code: string }).code;
      expect([path, code]).toEqual([path, refused[`${method} ${path}`]]);
      if (method === 'delete') await furnished(`house-${n}-again`);
      await fc.assert(
        fc.asyncProperty(request(operation), async ({ names, query, headers, ...rest }) => {
          const body = settled(rest.body, existing);
          const answered = await send(operation, {
            address: addressed(operation, names),
            query: new URLSearchParams(
              query.flat().map(([name, value]) => [String(name), String(settled(value, existing))]),
            ).toString(),
            body,
            headers: Object.fromEntries(headers.flat().map(([name, value]) => [String(name), String(value)])),
          });
          expect(described.fault(operation, answered)).toBeUndefined();
          // What the document forbids is not taken.
          if (answered.status < 300) expect(described.takes(operation, body)).toBe(true);
        }),
        { numRuns: runs, seed, endOnFailure: process.env.API_SHRINK === undefined },
      );
    },
  );
});
