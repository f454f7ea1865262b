import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { IsNull } from 'typeorm';
import { version } from '../../config/root.js';
import { buildOpenApi } from '../../src/api/openapi.js';
import { endpointsOf } from '../../src/endpoints.js';
import { OrganizationRole } from '../../src/features/organizations/organization-role.entity.js';
import { installationScopes, managementScopes } from '../../src/management.js';
import { Role } from '../../src/features/roles/role.entity.js';
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
  '/users/bulk': ({ user_id }) => ({ operations: [{ op: 'enable', user_id }] }),
  '/organizations/{organization}/members': ({ stranger_id }) => ({ user_id: stranger_id }),
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
/** What the least request is refused for all the same, and why. */
const refused: Record<string, number> = {};
/** What makes things first, what takes them away last. */
const operations = described.operations().sort((a, b) => rank.indexOf(a.method) - rank.indexOf(b.method));
const runs = Math.ceil(total / operations.length);

describe('whatever is sent to the management API, what it answers is what its document says (OpenAPI 3.1, RFC 9457)', () => {
  const dns = new NameServer();
  /** What is known to exist, by the name of the parameter that names it. */
  const pool = new Map<string, string[]>();
  let server: TestServer;
  let manager: Party;
  let token: string;
  const scope = Object.keys({ ...managementScopes, ...installationScopes }).join(' ');

  beforeAll(async () => {
    server = await startServer({ quiet: true, overrides: { dns: { resolveTxt: dns.resolveTxt } } });
    manager = await makeManager(server, scope);
    token = await managementToken(server, manager, scope);
  }, 180_000);
  afterAll(() => server?.close());

  const existing = (name: string, n: number): string => {
    const all = pool.get(name) ?? [];
    return all[n % all.length] ?? '00000000-0000-7000-8000-000000000000';
  };

  const addressed = ({ path }: Operation, names: (number | string)[]): string => {
    let position = 0;
    return path.replace(/\{(\w+)\}/g, (_all, name: string) => {
      const said = names[position++] ?? 0;
      const kept = path.startsWith('/organizations/') && pool.has(ofOrganization(name)) ? ofOrganization(name) : name;
      return encodeURIComponent(typeof said === 'string' ? said : existing(kept, said));
    });
  };

  /** Something of each that is there for certain, whatever was taken away before: the first of its kind from now on. */
  async function furnished(name: string): Promise<void> {
    // A tenant has only so many roles.
    await server.inside(async ({ db }) => {
      await db.repo(OrganizationRole).delete({ organizationId: IsNull() });
      await db.repo(Role).delete({ name: 'There' });
    });
    for (const [kind, id] of Object.entries(await server.inside((services) => furnish(services, name))))
      pool.set(kind, [id, ...(pool.get(kind) ?? [])]);
  }

  const leastBody = ({ method, path }: Operation): object | undefined => {
    const schema = endpoints.find((one) => one.method === method && one.path.replace(/:(\w+)/g, '{$1}') === path)?.body;
    const ids = Object.fromEntries([...pool].map(([name, [first = '']]) => [name, first]));
    return schema && (examples[path]?.(ids) ?? bodyFor(schema, { ...ids, owner_id: ids.user_id }));
  };

  interface Sent {
    address: string;
    query?: string;
    body?: unknown;
    headers?: Record<string, string>;
  }

  async function send(operation: Operation, { address, query, body, headers }: Sent): Promise<Answered> {
    const response = await fetch(`${server.issuer}/api/v1${address}${query ? `?${query}` : ''}`, {
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

  /** What `/users` answers is what `/users/{user_id}` names. The manager itself and the tenant it is of stay out of it. */
  function learn(path: string, text: string): void {
    const [name] = operations.flatMap(
      (one) => one.path.match(new RegExp(`^${path.replace(/[{}]/g, '\\$&')}/\\{(\\w+)\\}$`))?.[1] ?? [],
    );
    if (!name || !text) return;
    const said = JSON.parse(text) as { items?: object[] };
    for (const one of said.items ?? [said]) {
      const { [name]: named, id, slug } = one as Record<string, unknown>;
      const value = named ?? id;
      const all = pool.get(name) ?? [];
      pool.set(name, all);
      if (typeof value === 'string' && value !== manager.clientId && slug !== 'default' && !all.includes(value))
        all.push(value);
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
      token = await managementToken(server, manager, scope);
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
      if (least.status >= 300 || refused[`${method} ${path}`])
        console.log('LEAST', method, path, least.status, least.text);
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
