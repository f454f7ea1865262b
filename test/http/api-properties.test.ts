import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { version } from '../../config/root.js';
import { buildOpenApi } from '../../src/api/openapi.js';
import { endpointsOf } from '../../src/endpoints.js';
import { installationScopes, managementScopes } from '../../src/management.js';
import type { Services } from '../../src/services.js';
import { makeManager, managementToken } from '../support/api.js';
import { bodyFor } from '../support/bodies.js';
import { type Answered, Described, type Operation } from '../support/described.js';
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
const examples: Record<string, object> = {
  '/clients': { client_name: 'Somebody', redirect_uris: ['https://somebody.example/cb'] },
};
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
    // A house with something of each, made by what makes it.
    for (const endpoint of endpoints) {
      if (endpoint.method !== 'post' || !endpoint.body) continue;
      const operation = operationOf('post', endpoint.path.replace(/:(\w+)/g, '{$1}'));
      const ids = Object.fromEntries([...pool].map(([name, [first]]) => [name, first]));
      const body = examples[endpoint.path] ?? bodyFor(endpoint.body, { ...ids, owner_id: ids.user_id });
      await send(operation, { address: addressed(operation, []), body });
    }
  }, 180_000);
  afterAll(() => server?.close());

  const operationOf = (method: string, path: string): Operation => {
    const found = operations.find((one) => one.method === method && one.path === path);
    if (!found) throw new Error(`${method} ${path} is not described`);
    return found;
  };

  const existing = (name: string, n: number): string => {
    const all = pool.get(name) ?? [];
    return all[n % all.length] ?? '00000000-0000-7000-8000-000000000000';
  };

  const addressed = (operation: Operation, names: (number | string)[]): string => {
    let position = 0;
    return operation.path.replace(/\{(\w+)\}/g, (_all, name: string) => {
      const said = names[position++] ?? 0;
      return encodeURIComponent(typeof said === 'string' ? said : existing(name, said));
    });
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
    const base = endpoints.find(
      ({ method, path }) => method === operation.method && path.replace(/:(\w+)/g, '{$1}') === operation.path,
    )?.body;
    const least = examples[operation.path] ?? (base ? bodyFor(base) : {});
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

  it.each(operations.map((one) => [one.method, one.path, one] as const))('%s %s', async (_method, _path, operation) => {
    token = await managementToken(server, manager, scope);
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
  });
});
