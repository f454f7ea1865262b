// What the identity provider of the tests reads and writes.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

export const secondsNow = (): number => Math.floor(Date.now() / 1000);

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export function sendHuge(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(`{"x":"${'x'.repeat(3_000_000)}"}`);
}

/** OAuth 2.0 Form Post Response Mode. */
export function sendForm(response: ServerResponse, action: string, answer: URLSearchParams): void {
  const fields = [...answer].map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`);
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end(
    `<link rel="icon" href="data:,"><form method="post" action="${action}">${fields.join('')}<button>Go on</button></form>`,
  );
}

/** RFC 6749 §2.3.1: in the header or the body. */
export function readBasic(
  { headers }: IncomingMessage,
  form: URLSearchParams,
): { id: string | null; secret: string | null } {
  const [, basic] = /^Basic (.+)$/.exec(headers.authorization ?? '') ?? [];
  if (!basic) return { id: form.get('client_id'), secret: form.get('client_secret') };
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent);
  return { id, secret };
}

/** RFC 7636 §4.6, S256. */
export const matches = (verifier: string | null, challenge: string | null): boolean =>
  verifier !== null && createHash('sha256').update(verifier).digest('base64url') === challenge;
