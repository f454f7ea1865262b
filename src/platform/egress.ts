// The only way out: https to public addresses or to what configuration lists, on the address that was checked, within a time and a size.
// Handed off to: undici speaks HTTP; egress-addresses.ts says which addresses.
import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Agent, RequestInit as UndiciInit, fetch as undiciFetch } from 'undici';
import { Addresses, isLiteral } from './egress-addresses.js';
import type { Tracing } from './tracing.js';

export type EgressReason =
  | 'bad_url'
  | 'credentials_in_url'
  | 'insecure'
  | 'forbidden_address'
  | 'redirect'
  | 'timeout'
  | 'too_large'
  | 'unreachable';

export class EgressError extends Error {
  constructor(
    readonly code: EgressReason,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = 'EgressError';
  }
}

type Lookup = (
  host: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface EgressSettings {
  /** Hosts, addresses and CIDRs that may be called although they are private, and without TLS. */
  allow: readonly string[];
  /** For a whole call: names, all hops, the body. */
  timeoutMs: number;
  /** Of the body after decompression. */
  maxBytes: number;
  lookup?: Lookup;
  tracing?: Tracing | undefined;
  /** Whose certificates are believed (PEM); those whom Node.js believes unless said. */
  ca?: string;
}

export interface EgressInit extends RequestInit {
  /** How many are followed; none unless said: the 3xx is the answer. */
  redirects?: number;
  /** Of the body; never more than the settings allow. */
  maxBytes?: number;
  /** So much of the body is read, and no more: what is longer is cut off here, and no refusal. */
  first?: number;
}

export class Egress {
  private readonly addresses: Addresses;
  private readonly lookup: Lookup;
  private agent: Agent | undefined;

  constructor(private readonly settings: EgressSettings) {
    this.addresses = new Addresses(settings.allow);
    this.lookup = settings.lookup ?? systemLookup;
    // The engine takes the function alone.
    this.fetch = this.fetch.bind(this);
  }

  /**
   * As the Fetch standard has it; the body has been read when this returns.
   * @throws EgressError, whose message names the host and never the rest of the URL.
   */
  async fetch(input: string | URL | Request, init: EgressInit = {}): Promise<Response> {
    const { tracing } = this.settings;
    if (!tracing) return this.call(input, init);
    const address = input instanceof Request ? input.url : String(input);
    const method = (init.method ?? (input instanceof Request ? input.method : 'GET')).toUpperCase();
    // The host, never the rest of the address.
    const host = URL.canParse(address) ? new URL(address).host : 'none';
    const attributes = { 'http.request.method': method, 'server.address': host };
    return tracing.span({ name: method, kind: 'client', attributes }, async (span) => {
      const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
      for (const [name, value] of Object.entries(tracing.outgoing())) headers.set(name, value);
      const answer = await this.call(input, { ...init, headers });
      span.ends({ 'http.response.status_code': answer.status });
      return answer;
    });
  }

  private async call(input: string | URL | Request, init: EgressInit): Promise<Response> {
    const { redirects = 0, maxBytes = this.settings.maxBytes, first, ...options } = init;
    // Loaded with the first call: many servers never make one.
    const undici = await import('undici');
    this.agent ??= this.open(undici);
    const stop = new AbortController();
    const timeout = AbortSignal.timeout(this.settings.timeoutMs);
    const signals = [stop.signal, timeout, ...(options.signal ? [options.signal] : [])];
    let host = '';
    try {
      let request = firstRequest(input, options);
      for (let hops = 0; ; hops += 1) {
        host = request.url.host;
        this.check(request.url);
        const answer = await undici.fetch(request.url, {
          ...request.init,
          redirect: 'manual',
          signal: AbortSignal.any(signals),
          dispatcher: this.agent,
        });
        const location = isRedirect(answer.status) ? answer.headers.get('location') : null;
        if (location === null || (redirects === 0 && options.redirect !== 'error'))
          return await this.read(answer, request.url, Math.min(maxBytes, this.settings.maxBytes), first);
        await answer.body?.cancel();
        if (hops >= redirects) throw new EgressError('redirect', `${host} redirects more often than is followed`);
        request = nextRequest(request, answer.status, location);
      }
    } catch (error) {
      throw told(error, host, timeout, options.signal);
    } finally {
      // Whatever is still open, a body that grew too large above all, is hung up on.
      stop.abort();
    }
  }

  async close(): Promise<void> {
    await this.agent?.destroy();
  }

  private open({ Agent, buildConnector }: typeof import('undici')): Agent {
    const timeout = this.settings.timeoutMs;
    const permits = (host: string, address: string) => this.addresses.permits(host, address);
    const lists = (host: string, address: string) => this.addresses.lists(host, address);
    const { ca } = this.settings;
    const secure = buildConnector({ timeout, lookup: this.guard(permits, forbidden), ...(ca ? { ca } : {}) });
    const plain = buildConnector({ timeout, lookup: this.guard(lists, insecure) });
    return new Agent({
      connect: (options, done) => (options.protocol === 'https:' ? secure : plain)(options, done),
      headersTimeout: timeout,
      bodyTimeout: timeout,
      maxHeaderSize: 16_384,
    });
  }

  /** What needs no DNS. A literal address never reaches a lookup, so it is judged here. */
  private check({ protocol, hostname, username, password }: URL): void {
    if (protocol !== 'https:' && protocol !== 'http:') throw new EgressError('insecure', `${protocol} is not spoken`);
    if (username || password) throw new EgressError('credentials_in_url', 'a URL with credentials is not called');
    if (!isLiteral(hostname)) return;
    const listed = this.addresses.lists(hostname, hostname);
    if (protocol === 'http:' && !listed) throw insecure(hostname);
    if (!this.addresses.permits(hostname, hostname)) throw forbidden(hostname);
  }

  /** The addresses checked are the addresses connected to: there is no second look-up for an answer to change in. */
  private guard(
    permits: (host: string, address: string) => boolean,
    refusal: (host: string) => EgressError,
  ): LookupFunction {
    return (host, options, done) => {
      this.lookup(host, { ...options, all: true }, (error, found) => {
        if (error) return done(error, '');
        const open = found.filter(({ address }) => permits(host, address));
        const [first] = open;
        if (!first) return done(refusal(host), '');
        if (options.all) return done(null, open);
        done(null, first.address, first.family);
      });
    };
  }

  private async read(
    answer: Awaited<ReturnType<typeof undiciFetch>>,
    url: URL,
    most: number,
    first: number | undefined,
  ): Promise<Response> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of answer.body ?? []) {
      size += chunk.byteLength;
      if (first !== undefined && size >= first) {
        chunks.push(chunk.subarray(0, chunk.byteLength - (size - first)));
        break;
      }
      if (size > most) throw new EgressError('too_large', `${url.host} answers with too much`);
      chunks.push(chunk);
    }
    const headers = new Headers([...answer.headers]);
    // They describe the body before it was decoded.
    headers.delete('content-encoding');
    headers.delete('content-length');
    const empty = [101, 204, 205, 304].includes(answer.status);
    const response = new Response(empty ? null : Buffer.concat(chunks), {
      status: answer.status,
      statusText: answer.statusText,
      headers,
    });
    return Object.defineProperty(response, 'url', { value: url.href });
  }
}

interface Hop {
  url: URL;
  init: UndiciInit;
}

function firstRequest(input: string | URL | Request, options: RequestInit): Hop {
  const request = input instanceof Request ? input : undefined;
  const text = request ? request.url : String(input);
  if (!URL.canParse(text)) throw new EgressError('bad_url', 'not an absolute URL');
  const { method = request?.method ?? 'GET', body = request?.body, headers = request?.headers } = options;
  return {
    url: new URL(text),
    init: {
      method: method.toUpperCase(),
      headers: [...new Headers(headers)],
      ...(body && { body: body as UndiciInit['body'], duplex: 'half' as const }),
    },
  };
}

const isRedirect = (status: number) => [301, 302, 303, 307, 308].includes(status);

/** Fetch §4.4, HTTP-redirect fetch. */
function nextRequest({ url, init }: Hop, status: number, location: string): Hop {
  if (!URL.canParse(location, url.href)) throw new EgressError('redirect', `${url.host} redirects to no URL`);
  const next = new URL(location, url);
  if (url.protocol === 'https:' && next.protocol !== 'https:')
    throw new EgressError('insecure', `${url.host} redirects away from https`);
  const headers = new Headers(init.headers as [string, string][]);
  const { method } = init;
  const asGet = status === 303 ? method !== 'HEAD' : status <= 302 && method === 'POST';
  if (next.origin !== url.origin)
    for (const name of ['authorization', 'cookie', 'proxy-authorization', 'dpop']) headers.delete(name);
  if (asGet) {
    for (const name of ['content-type', 'content-length', 'content-encoding', 'content-language', 'content-location'])
      headers.delete(name);
    return { url: next, init: { method: 'GET', headers: [...headers] } };
  }
  if (init.body instanceof ReadableStream)
    throw new EgressError('redirect', `${url.host} redirects a body that is sent only once`);
  return { url: next, init: { ...init, headers: [...headers] } };
}

const insecure = (host: string) => new EgressError('insecure', `${host} is only called over https`);
const forbidden = (host: string) => new EgressError('forbidden_address', `${host} is not a public address`);

/** @returns what to throw: our own refusal from wherever it lies wrapped, or what became of the call. */
function told(error: unknown, host: string, timeout: AbortSignal, given: AbortSignal | null | undefined): unknown {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof EgressError) return cause;
  if (given?.aborted) return given.reason;
  if (timeout.aborted) return new EgressError('timeout', `${host} takes too long`, error);
  return new EgressError('unreachable', `${host} cannot be reached`, error);
}
