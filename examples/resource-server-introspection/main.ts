// An API that asks the server about each token it is shown (RFC 7662): what was revoked, or ended with its session, is refused from the next request
// on. It needs no keys, and takes opaque tokens and JWTs alike. The price is one request; where that is too much: resource-server-jwt.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as client from 'openid-client';

const { ISSUER = 'http://localhost:3000', ORIGIN = 'http://localhost:8084', HOST = '127.0.0.1' } = process.env;
const { CLIENT_ID = 'example-ledger', CLIENT_SECRET = '', AUDIENCE = 'https://ledger.example.com' } = process.env;
const once = process.argv.includes('--once'); // ends when it has answered somebody who may

// Plain http is for a server on this machine alone.
const local = new URL(ISSUER).hostname === 'localhost' ? [client.allowInsecureRequests] : [];
const configuration = await client.discovery(new URL(ISSUER), CLIENT_ID, {}, client.ClientSecretBasic(CLIENT_SECRET), {
  execute: local,
  algorithm: 'oauth2',
});

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly error = '',
    readonly scope = '',
  ) {
    super(error);
  }
}

/** Whoever may do this. @throws Refusal as RFC 6750 §3.1 words it. */
async function authorize({ headers }: IncomingMessage, scope: string): Promise<client.IntrospectionResponse> {
  // §3: who brings nothing is told how to ask, and of no error.
  if (!headers.authorization) throw new Refusal(401);
  // §2.1: one token in the header. What stands in the address would be in every log.
  const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(headers.authorization)?.[1];
  if (!token) throw new Refusal(401, 'invalid_token');
  const answer = await client.tokenIntrospection(configuration, token, { token_type_hint: 'access_token' });
  // The server knows tokens of all APIs. This one takes its own: another API could show it what it was given (RFC 9700 §2.3).
  if (!answer.active || ![answer.aud].flat().includes(AUDIENCE)) throw new Refusal(401, 'invalid_token');
  // A token that is bound to a key is worth nothing without a proof of it (RFC 9449 §7.2), and this API asks for none.
  if (answer.cnf || answer.token_type?.toLowerCase() !== 'bearer') throw new Refusal(401, 'invalid_token');
  if (!answer.scope?.split(' ').includes(scope)) throw new Refusal(403, 'insufficient_scope', scope);
  return answer;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path] = (request.url ?? '').split('?');
  if (request.method !== 'GET' || path !== '/payments') return send(response, 404, { error: 'not_found' });
  const { sub, client_id } = await authorize(request, 'ledger:read');
  // A program that acts in its own name has no sub.
  send(response, 200, { for: sub ?? client_id, payments: [120] });
  if (once) response.once('close', () => process.exit(0));
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    // Whoever cannot be asked allows nothing: while the server is away nobody is let in.
    if (!(error instanceof Refusal)) return send(response, 503, { error: 'temporarily_unavailable' });
    const details = [error.error && `error="${error.error}"`, error.scope && `scope="${error.scope}"`].filter(Boolean);
    response.setHeader('www-authenticate', ['Bearer', details.join(', ')].filter(Boolean).join(' '));
    send(response, error.status, { error: error.error || 'unauthorized' });
  });
}).listen(Number(new URL(ORIGIN).port), HOST, () => console.log(`ready at ${ORIGIN}`));
