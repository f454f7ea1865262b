// Calls the management API by the names of its operations, with types of what it takes and answers. It gets its own tokens (RFC 6749 §4.4), repeats what
// may be repeated, and turns problem details (RFC 9457) into an error.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Operations, operations } from './operations.js';

export interface Credentials {
  issuer: string;
  clientId: string;
  clientSecret: string;
  scope: string;
}

/** What an operation takes: a part that has nothing in it is left out. */
type Input<O extends { path: object; query: object; body: unknown }> = Part<'path', O['path']> & {
  query?: O['query'];
  /** The version last seen: 412 where there is a newer one. */
  ifMatch?: string;
} & (undefined extends O['body'] ? { body?: O['body'] } : { body: O['body'] });
type Part<N extends string, P> = keyof P extends never ? Partial<Record<N, P>> : Record<N, P>;

interface Sent {
  path?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
  ifMatch?: string;
}

export interface Answered<A> {
  body: A;
  /** Of what has a version. */
  etag: string | null;
}

/** What was refused, in the words of the server. `code` is stable. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly errors: readonly { pointer: string; detail: string }[],
  ) {
    super(message);
    this.name = 'ApiProblem';
  }
}

export class ApiClient {
  private token: { value: string; until: number } | undefined;

  constructor(private readonly credentials: Credentials) {}

  /** @throws ApiProblem */
  async call<N extends keyof Operations>(
    name: N,
    input: Input<Operations[N]>,
  ): Promise<Answered<Operations[N]['answer']>> {
    const [method, path] = operations[name];
    const { path: places = {}, query = {}, body, ifMatch } = input as Sent;
    const { issuer } = this.credentials;
    const address = new URL(
      `${issuer}/api/v1${path.replace(/\{(\w+)\}/g, (_, one) => encodeURIComponent(places[one] ?? ''))}`,
    );
    for (const [key, value] of Object.entries(query))
      for (const one of [value].flat()) if (one !== undefined) address.searchParams.append(key, String(one));
    const headers = {
      ...(body === undefined
        ? {}
        : { 'content-type': method === 'patch' ? 'application/merge-patch+json' : 'application/json' }),
      // The same for each try: what was done and not heard of is not done again.
      ...(method === 'post' ? { 'idempotency-key': randomUUID() } : {}),
      ...(ifMatch ? { 'if-match': ifMatch } : {}),
    };
    const text = body === undefined ? null : JSON.stringify(body);
    const response = await this.send(address, { method: method.toUpperCase(), headers, body: text });
    const said = await response.text();
    if (!response.ok) throw problemOf(response.status, said);
    const isJson = /^application\/json(;|$)/.test(response.headers.get('content-type') ?? '');
    return {
      body: (isJson ? JSON.parse(said) : said || undefined) as Operations[N]['answer'],
      etag: response.headers.get('etag'),
    };
  }

  /** Once more with another token where this one has ended, and after as long as the server asks for where it is busy. */
  private async send(address: URL, request: RequestInit, triesLeft = 2): Promise<Response> {
    const authorization = `Bearer ${await this.accessToken()}`;
    const response = await fetch(address, { ...request, headers: { ...request.headers, authorization } });
    const again = [401, 429, 503].includes(response.status);
    if (!again || triesLeft === 0) return response;
    await response.body?.cancel();
    if (response.status === 401) this.token = undefined;
    else await delay(Math.min(Number(response.headers.get('retry-after') ?? 1), 30) * 1000);
    return this.send(address, request, triesLeft - 1);
  }

  private async accessToken(): Promise<string> {
    if (this.token && this.token.until > Date.now()) return this.token.value;
    const { issuer, clientId, clientSecret, scope } = this.credentials;
    const basic = [clientId, clientSecret].map(encodeURIComponent).join(':');
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(basic).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: `${issuer}/api`, scope }),
    });
    const said = (await response.json()) as { access_token?: string; expires_in?: number; error?: string };
    if (!said.access_token) throw new Error(`no token: ${said.error ?? response.status}`);
    // A little before its end: it has to arrive there, too.
    this.token = { value: said.access_token, until: Date.now() + ((said.expires_in ?? 60) - 30) * 1000 };
    return said.access_token;
  }
}

function problemOf(status: number, said: string): ApiProblem {
  try {
    const { code, detail, title, errors = [] } = JSON.parse(said);
    return new ApiProblem(status, code, detail ?? title, errors);
  } catch {
    // Somebody in between has answered.
    return new ApiProblem(status, 'unknown', `the server answered ${status}`, []);
  }
}
