// Two processes asked in turn, and what a race needs: a crowd that comes at once, a lock that lets all of it arrive before one may go on, and
// somebody who administers. Tests say which process they ask; browsers are sent to either by a balancer at the issuer's address.
import { type ClientRequest, createServer, request } from 'node:http';
import { pipeline } from 'node:stream';
import { Client } from 'pg';
import { handleHash } from '../../src/features/protocol/handles.js';
import { managementScopes } from '../../src/management.js';
import type { Browser } from './browser.js';
import { authorizationUrl, makeClient, type Party, type Pkce, pkce, type TokenAnswer } from './party.js';
import { type Environment, type Processes, type ServerProcess, startProcesses } from './processes.js';
import type { TestServer } from './server.js';

export interface Pair extends Processes {
  /** For party.ts. */
  server: TestServer;
}

export async function startPair(environment: Environment = {}): Promise<Pair> {
  const house = await startProcesses(2, environment);
  const closeBalancer = await balance(house);
  const { issuer, services, inside } = house;
  const close = async () => {
    await closeBalancer();
    await house.close();
  };
  return { ...house, server: { issuer, services, log: [], inside, close }, close };
}

/** All at once; odd ones are for the one process, even ones for the other. */
export const crowd = <T>(count: number, one: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => one(index)));

/** @throws Error when it has not become true within the milliseconds given. @returns after how many it did. */
export async function until(what: string, condition: () => Promise<boolean>, milliseconds = 5_000): Promise<number> {
  const started = performance.now();
  while (!(await condition())) {
    if (performance.now() - started > milliseconds) throw new Error(`not within ${milliseconds} ms: ${what}`);
    // A condition that waits for nothing itself must not keep what it waits for from happening.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return performance.now() - started;
}

/**
 * Does the work while another connection holds a lock, and lets go when so many statements wait for it: then everybody has read what was
 * there before, and nobody has written. Work that sends one after the other waits in between until the first has arrived.
 */
export async function whileHeld<T>(
  { database, services }: Pair,
  [lock, ...values]: [string, ...unknown[]],
  waiting: number,
  work: (arrived: (count: number) => Promise<unknown>) => Promise<T>,
): Promise<T> {
  const holder = new Client(database.url);
  await holder.connect();
  try {
    await holder.query('BEGIN');
    await holder.query(lock, values);
    const arrived = (count: number) =>
      until(`${count} statements wait for the lock`, async () => {
        const [row] = (await services.db.manager.query(
          `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        )) as [{ count: number }];
        return row.count >= count;
      });
    const result = work(arrived);
    result.catch(() => {});
    await arrived(waiting);
    await holder.query('COMMIT');
    return await result;
  } finally {
    await holder.end();
  }
}

export const rowLock = (kind: string, handle: string): [string, Buffer] => [
  'SELECT 1 FROM engine_rows WHERE handle_hash = $1 FOR UPDATE',
  handleHash(kind, handle),
];

/** A form to one of the processes, as the client; a client without a secret says its name only. */
export async function send(
  house: Processes,
  index: number,
  path: string,
  party: Party,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<TokenAnswer> {
  const credentials = `${encodeURIComponent(party.clientId)}:${encodeURIComponent(party.clientSecret)}`;
  const response = await house.ask(index % 2, path, {
    method: 'POST',
    headers: {
      ...(party.clientSecret ? { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } : {}),
      ...headers,
    },
    body: new URLSearchParams({ ...(party.clientSecret ? {} : { client_id: party.clientId }), ...form }),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : {}, headers: response.headers };
}

export const redeemForm = (party: Party, code: string, { verifier }: Pkce) => ({
  grant_type: 'authorization_code',
  code,
  redirect_uri: party.redirectUri,
  code_verifier: verifier,
});

export const refreshForm = (token: string, more: Record<string, string> = {}) => ({
  grant_type: 'refresh_token',
  refresh_token: token,
  ...more,
});

/** What introspection says of a token, at either process (RFC 7662 §2.2). */
export const isActive = async (house: Pair, party: Party, token: unknown, index = 0): Promise<boolean> =>
  (await send(house, index, '/introspect', party, { token: String(token) })).body.active as unknown as boolean;

export interface Silent {
  code: string | undefined;
  error: string | undefined;
  proof: Pkce;
  /** The session cookie as it is after this answer. */
  cookie: string;
}

/** prompt=none (OpenID Connect Core §3.1.2.1) at one of the processes, as a browser with these cookies. */
export async function silently(
  house: Pair,
  index: number,
  party: Party,
  cookie: string,
  more: Record<string, string> = {},
): Promise<Silent> {
  const proof = pkce();
  const { pathname, search } = new URL(authorizationUrl(house.server, party, proof, { prompt: 'none', ...more }));
  const answer = await house.ask(index % 2, `${pathname}${search}`, { headers: { cookie } });
  const location = answer.headers.get('location');
  const params = location ? new URL(location, house.issuer).searchParams : undefined;
  const set = answer.headers.getSetCookie().map((line) => line.split(';', 1)[0] ?? '');
  return {
    code: params?.get('code') ?? undefined,
    error: params?.get('error') ?? (params ? undefined : `page ${answer.status}`),
    proof,
    cookie: set.length > 0 ? set.join('; ') : cookie,
  };
}

/** The cookies that every page is sent. */
export const cookiesOf = (browser: Browser): string =>
  [...browser.cookies.values()]
    .filter(({ path }) => path === '/')
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');

export type Manage = (
  index: number,
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<{ status: number; body: Record<string, never>; headers: Headers }>;

/** A client that may do everything through the management API. */
export async function administrator(house: Pair): Promise<Manage> {
  const scope = Object.keys(managementScopes).join(' ');
  const party = await makeClient(house.server, {
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    scope,
  });
  const form = { grant_type: 'client_credentials', scope, resource: `${house.issuer}/api` };
  const { body } = await send(house, 0, '/token', party, form);
  if (!body.access_token) throw new Error(`no token for the management API: ${JSON.stringify(body)}`);
  return async (index, method, path, sent, headers = {}) => {
    const response = await house.ask(index % 2, `/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${body.access_token}`,
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : {}, headers: response.headers };
  };
}

export const rowsOf = async <R>(house: Pick<Pair, 'services'>, sql: string, ...values: unknown[]): Promise<R[]> =>
  (await house.services.db.manager.query(sql, values)) as R[];

/** How often something was audited about a grant. */
export async function audited(house: Pair, name: string, grantId: string): Promise<number> {
  const rows = await rowsOf(
    house,
    `SELECT 1 FROM audit_events WHERE name = $1 AND data ->> 'grant_id' = $2`,
    name,
    grantId,
  );
  return rows.length;
}

/** On which grant a token or code stands. */
export async function grantOf(house: Pair, kind: string, handle: string): Promise<string> {
  const [row] = await rowsOf<{ grant_id: string }>(
    house,
    'SELECT grant_id FROM engine_rows WHERE handle_hash = $1',
    handleHash(kind, handle),
  );
  if (!row) throw new Error(`there is no such ${kind}`);
  return row.grant_id;
}

/** Listens at the issuer's address and sends each request to the next process that is alive, or to the one that is named. @returns how to close it. */
export async function balance(
  house: Processes,
  route: { to?: ServerProcess | undefined } = {},
): Promise<() => Promise<void>> {
  let turn = 0;
  const server = createServer((req, res) => {
    const alive = house.members.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    const port = (route.to ?? alive[turn++ % alive.length])?.port;
    const { method, url, headers } = req;
    const onwards: ClientRequest = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      // Where the process dies in the middle, so does its answer.
      pipeline(answer, res, () => {});
    });
    onwards.on('error', () => res.destroy());
    req.pipe(onwards);
  });
  await new Promise<void>((resolve) => server.listen(Number(new URL(house.issuer).port), 'localhost', resolve));
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}
