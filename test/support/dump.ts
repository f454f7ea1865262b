// Everything the server keeps and says, as text that can be searched, and every secret that went over the wire while tests listened.
import { Redis } from 'ioredis';
import type { TestServer } from './server.js';

export interface Place {
  where: string;
  text: string;
}

type Row = Record<string, unknown>;

/** All columns of all rows of all tables in every schema; where a column holds bytes, hex or base64, what they decode to as well. */
export async function everyTable({ services }: Pick<TestServer, 'services'>): Promise<Place[]> {
  const { pool } = services.db;
  const { rows: tables } = await pool.query<{ schema: string; name: string }>(
    `SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
      ORDER BY 1, 2`,
  );
  const places: Place[] = [];
  for (const { schema, name } of tables) {
    const { rows } = await pool.query<Row>(`SELECT * FROM "${schema}"."${name}"`);
    for (const row of rows) {
      for (const [column, value] of Object.entries(row))
        places.push(...readings(`${schema}.${name}.${column}`, textOf(value)));
    }
  }
  return places;
}

/** Every key of Redis with what it holds, but for those of tenants of other servers: suites share one Redis. */
export async function everyKey({ services }: Pick<TestServer, 'services'>): Promise<Place[]> {
  const redis = new Redis(services.config.redisUrl ?? '');
  const { rows } = await services.db.pool.query<{ id: string }>('SELECT id FROM tenants');
  const own = new Set(rows.map(({ id }) => id));
  const isOthers = (key: string) => {
    const [, tenant] = /^ostiary:([\da-f-]{36}):/.exec(key) ?? [];
    return tenant !== undefined && !own.has(tenant);
  };
  const places: Place[] = [];
  try {
    for await (const keys of redis.scanStream({ count: 500 }) as AsyncIterable<string[]>) {
      for (const key of keys.filter((one) => !isOthers(one))) {
        places.push(...readings('redis key', key));
        for (const value of await valuesOf(redis, key)) places.push(...readings(`redis ${key.slice(0, 60)}`, value));
      }
    }
  } finally {
    redis.disconnect();
  }
  return places;
}

async function valuesOf(redis: Redis, key: string): Promise<string[]> {
  switch (await redis.type(key)) {
    case 'string':
      return [(await redis.get(key)) ?? ''];
    case 'hash':
      return Object.entries(await redis.hgetall(key)).flat();
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, 0, -1);
    default:
      return [];
  }
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Buffer.isBuffer(value)) return `${value.toString('latin1')} ${value.toString('hex')} ${value.toString('base64')}`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The text itself, and every run of hex or base64 in it decoded. */
export function readings(where: string, text: string): Place[] {
  if (text === '') return [];
  const places = [{ where, text }];
  for (const [run] of text.matchAll(/[A-Za-z0-9+/_-]{24,}={0,2}/g)) {
    places.push({ where: `${where} (base64)`, text: Buffer.from(run, 'base64').toString('latin1') });
    if (/^([0-9a-f]{2})+$/i.test(run))
      places.push({ where: `${where} (hex)`, text: Buffer.from(run, 'hex').toString('latin1') });
  }
  return places;
}

/** The leaves of a row: strings, bytes, and the strings within JSON. */
export function leavesOf(value: unknown): (string | Buffer)[] {
  if (typeof value === 'string') return [value];
  if (Buffer.isBuffer(value)) return [value];
  if (value instanceof Date || typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(leavesOf);
}

/** How a secret could have been written down. Base64 of something longer contains one of three shifts of it. */
export function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const shifted = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    const from = [0, 2, 3][shift] ?? 0;
    // The last characters depend on what follows.
    return text.replace(/=+$/, '').slice(from, -2);
  });
  const cut = secret.length >= 12 ? [secret.slice(0, -4)] : [];
  const all = [
    secret,
    ...cut,
    encodeURIComponent(secret),
    encodeURIComponent(secret).replaceAll('%20', '+'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...shifted,
    ...shifted.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
  ];
  return [...new Set(all)].filter((one) => one.length >= 8);
}

export interface Finding {
  secret: string;
  where: string;
}

/** @param secrets value → what it is. @returns where any of them stands, in any spelling. */
export function search(secrets: ReadonlyMap<string, string>, places: readonly Place[]): Finding[] {
  // One long text is searched much faster than many short ones.
  const parts = places.map(({ text }) => text);
  const all = parts.join('\0');
  const findings: Finding[] = [];
  for (const [secret, name] of secrets) {
    for (const spelling of spellings(secret)) {
      if (!all.includes(spelling)) continue;
      for (const { where, text } of places) if (text.includes(spelling)) findings.push({ secret: name, where });
    }
  }
  return findings.filter(
    (one, index) => findings.findIndex(({ secret, where }) => secret === one.secret && where === one.where) === index,
  );
}

/** Members and parameters that prove something about whoever holds them. */
const secretNames = new Set([
  'access_token',
  'refresh_token',
  'id_token',
  'id_token_hint',
  'token',
  'code',
  'client_secret',
  'registration_access_token',
  'password',
  'code_verifier',
  'csrf',
  'xsrf',
  'request_uri',
  'client_assertion',
  'api_key',
]);

/** Listens to all that `fetch` sends and gets, and remembers every secret in it. */
export class Wiretap {
  /** value → what it is. */
  readonly secrets = new Map<string, string>();
  private readonly original = globalThis.fetch;

  start(): void {
    globalThis.fetch = async (input, init) => {
      const url = input instanceof Request ? input.url : String(input);
      this.sent(url, init);
      const response = await this.original(input, init);
      await this.received(response.clone());
      return response;
    };
  }

  stop(): void {
    globalThis.fetch = this.original;
  }

  add(name: string, value: string | null | undefined): void {
    if (!value) return;
    // A request_uri is a fixed prefix and the handle.
    const secret = value.replace(/^urn:ietf:params:oauth:request_uri:/, '');
    if (secret.length >= 8 && !this.secrets.has(secret)) this.secrets.set(secret, name);
  }

  private sent(url: string, init: RequestInit = {}): void {
    this.address(url);
    const headers = new Headers(init.headers);
    const [scheme = '', value = ''] = (headers.get('authorization') ?? '').split(' ');
    if (/^(bearer|dpop)$/i.test(scheme)) this.add(`${scheme} token`, value);
    if (/^basic$/i.test(scheme)) {
      this.add('Basic credentials', value);
      const decoded = Buffer.from(value, 'base64').toString();
      this.add('client_secret', decodeURIComponent(decoded.slice(decoded.indexOf(':') + 1)));
    }
    this.add('DPoP proof', headers.get('dpop'));
    this.add('Idempotency-Key', headers.get('idempotency-key'));
    if (init.body instanceof URLSearchParams) this.parameters(init.body);
    if (typeof init.body === 'string') this.json(parsed(init.body));
  }

  private async received(response: Response): Promise<void> {
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value] = /^([^=]+)=([^;]*)/.exec(line)?.slice(1) ?? [];
      // Of a sign-in each has one of its own.
      this.add(`cookie ${name.replace(/_browser_.*$/, '_browser')}`, value);
    }
    this.address(response.headers.get('location') ?? '');
    const text = await response.text();
    this.json(parsed(text));
    for (const [input] of text.matchAll(/<input[^>]*>/g)) {
      const [, name = ''] = /name="([^"]*)"/.exec(input) ?? [];
      if (secretNames.has(name)) this.add(`field ${name}`, /value="([^"]*)"/.exec(input)?.[1]);
    }
  }

  private address(url: string): void {
    const [path = '', query = ''] = url.split('?', 2);
    this.parameters(new URLSearchParams(query));
    this.add('interaction uid', /\/interaction\/([A-Za-z0-9_-]+)/.exec(path)?.[1]);
    this.add('resume uid', /\/authorize\/([A-Za-z0-9_-]+)/.exec(path)?.[1]);
  }

  private parameters(parameters: URLSearchParams): void {
    for (const [name, value] of parameters) if (secretNames.has(name)) this.add(name, value);
  }

  private json(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, member] of Object.entries(value)) {
      // `code` in JSON is the name of an error.
      if (typeof member === 'string' && name !== 'code' && secretNames.has(name)) this.add(name, member);
      else this.json(member);
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
