// Owns what the demo shows of a request: who sent it, what was sent, what came back, every secret shortened before it is kept.
// Hands off to views/demo/exchange.eta.
import { AsyncLocalStorage } from 'node:async_hooks';
import { meaningOf } from './meanings.js';

export interface Line {
  name: string;
  value: string;
  about?: string;
}

export interface Exchange {
  title: string;
  why: string;
  /** `browser`: a redirect carried it (front channel). `server`: this application called the server (back channel). */
  by: 'browser' | 'server';
  method: string;
  /** Without its query; the parameters are listed in `sent`. */
  url: string;
  sent: Line[];
  status?: number;
  received: Line[];
  /** The refusal by name, when there was one. */
  error?: string;
}

const SECRETS =
  /^(code|code_verifier|client_secret|access_token|refresh_token|id_token|id_token_hint|token|authorization)$/i;
const LONGEST = 400;

/** Enough to recognise a value on two pages, too little to use it. */
const shorten = (secret: string): string =>
  secret.length > 12 ? `${secret.slice(0, 6)}… (${secret.length} characters)` : '…';

export function describe(values: Iterable<[string, unknown]>, side: 'sent' | 'received'): Line[] {
  return [...values].map(([name, value]) => {
    const about = meaningOf(name, side);
    return { name, value: show(name, value), ...(about ? { about } : {}) };
  });
}

function show(name: string, value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  if (SECRETS.test(name)) return shorten(text);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

type Caption = (url: URL) => Pick<Exchange, 'title' | 'why'>;
const recording = new AsyncLocalStorage<Exchange[]>();

/** Runs `work`; what passes through `recordingFetch` inside it is added to `exchanges`, also when it fails. */
export const record = <T>(exchanges: Exchange[], work: () => Promise<T>): Promise<T> => recording.run(exchanges, work);

interface Outgoing {
  method: string;
  headers: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

/** `fetch` as openid-client calls it, noting what went out and came back. Redirects are an answer here, never followed. */
export const recordingFetch =
  (caption: Caption) =>
  async (address: string, { method, headers, body, signal }: Outgoing): Promise<Response> => {
    const url = new URL(address);
    const text = body === undefined || body === null ? undefined : String(body);
    const response = await fetch(url, {
      method,
      headers,
      redirect: 'manual',
      ...(text === undefined ? {} : { body: text }),
      ...(signal ? { signal } : {}),
    });
    recording.getStore()?.push({
      ...caption(url),
      by: 'server',
      method,
      url: url.origin + url.pathname,
      sent: describe([...credentials(headers), ...url.searchParams, ...new URLSearchParams(text)], 'sent'),
      status: response.status,
      ...(await answerOf(response.clone())),
    });
    return response;
  };

/** RFC 6749 §2.3.1 and RFC 6750 §2.1: the scheme is worth seeing, the credential is not. */
function credentials(headers: Record<string, string>): [string, string][] {
  const value = new Headers(headers).get('authorization');
  if (!value) return [];
  const [scheme = '', credential = ''] = value.split(' ');
  return [['Authorization header', `${scheme} ${shorten(credential)}`]];
}

async function answerOf(response: Response): Promise<Pick<Exchange, 'received' | 'error'>> {
  const location = response.headers.get('location');
  const challenge = response.headers.get('www-authenticate');
  const values: [string, unknown][] = challenge ? [['WWW-Authenticate header', challenge]] : [];
  if (location) {
    const target = new URL(location, response.url);
    values.push(['Location header', target.origin + target.pathname], ...target.searchParams);
  } else values.push(...(await bodyOf(response)));
  const error = values.find(([name]) => name === 'error')?.[1] ?? challenge?.match(/error="([^"]+)"/)?.[1];
  return { received: describe(values, 'received'), ...(error ? { error: String(error) } : {}) };
}

async function bodyOf(response: Response): Promise<[string, unknown][]> {
  const text = await response.text();
  if (response.headers.get('content-type')?.includes('json')) {
    try {
      const body: unknown = JSON.parse(text);
      return body && typeof body === 'object' ? Object.entries(body) : [];
    } catch {
      return [['body', 'not the JSON it says it is']];
    }
  }
  const heading = text.match(/<h1[^>]*>([^<]+)</)?.[1] ?? text.match(/<title>([^<]+)</)?.[1];
  return heading ? [['page', heading.trim()]] : [];
}
