// An API whose access tokens are JWTs (RFC 9068): it verifies them by itself, with the keys that the server publishes. It takes bearer tokens, and
// tokens that are bound to a key of the client only with a proof of that key (RFC 9449). What was revoked is taken until it ends; where that is too
// long, give tokens a shorter life or ask the server (resource-server-introspection).
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';

const { ISSUER = 'http://localhost:3000', ORIGIN = 'http://localhost:8083', HOST = '127.0.0.1' } = process.env;
const { AUDIENCE = 'https://bookings.example.com', ALLOWED_ORIGIN = 'http://localhost:8081' } = process.env;
const once = process.argv.includes('--once'); // ends when it has answered somebody who may

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly error = '',
    readonly scope = '',
  ) {
    super(error);
  }
}

const asking = {
  // Plain http is for a server on this machine alone.
  [oauth.allowInsecureRequests]: new URL(ISSUER).hostname === 'localhost',
  // While keys cannot be had nobody is let in, and nobody's token is called wrong.
  [oauth.customFetch]: (url: string, options: RequestInit): Promise<Response> =>
    fetch(url, options).catch(() => {
      throw new Refusal(503, 'temporarily_unavailable');
    }),
};
const issuer = new URL(ISSUER);
const discovered = await oauth.discoveryRequest(issuer, { ...asking, algorithm: 'oauth2' });
const server = await oauth.processDiscoveryResponse(issuer, discovered);

/** Whoever may do this. @throws Refusal as RFC 6750 §3.1 words it. */
async function authorize(request: IncomingMessage, scope: string): Promise<oauth.JWTAccessTokenClaims> {
  // §3: who brings nothing is told how to ask, and of no error.
  if (!request.headers.authorization) throw new Refusal(401);
  // A proof names the address that the client asked: compared with our own, and not with a header or a host that anybody may send.
  const asked = new Request(`${ORIGIN}${request.url}`, {
    method: request.method ?? 'GET',
    headers: Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]),
  });
  // Signature by a published key, typ at+jwt, iss, aud, exp; of a bound token also the proof: htm, htu, ath, iat and its key.
  const claims = await oauth
    .validateJwtAccessToken(server, asked, AUDIENCE, { ...asking, signingAlgorithms: ['ES256'] })
    .catch((error: unknown) => {
      throw error instanceof Refusal ? error : new Refusal(401, 'invalid_token');
    });
  const { dpop } = request.headers;
  if (typeof dpop === 'string' && isReplayed(dpop, claims)) throw new Refusal(401, 'invalid_dpop_proof');
  // What the token is for, and not who has it: a scope is never read from anywhere else.
  if (!claims.scope?.split(' ').includes(scope)) throw new Refusal(403, 'insufficient_scope', scope);
  return claims;
}

/** Proofs of the last minutes: each is good for one request (RFC 9449 §11.1). With several processes, keep them in one place. */
const proofs = new Map<string, number>();

function isReplayed(proof: string, { cnf }: oauth.JWTAccessTokenClaims): boolean {
  const now = Date.now();
  // The oldest stand first.
  for (const [known, end] of proofs) {
    if (end > now) break;
    proofs.delete(known);
  }
  const { jkt } = cnf as { jkt: string };
  const id = `${jkt} ${decodeJwt(proof).jti}`;
  if (proofs.has(id)) return true;
  // Twice as long as a proof is believed: its clock may be ahead of ours.
  proofs.set(id, now + 600_000);
  return false;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Fetch: pages of this one origin may ask, without cookies, and read why they were refused.
  response.setHeader('access-control-allow-origin', ALLOWED_ORIGIN);
  response.setHeader('access-control-expose-headers', 'WWW-Authenticate');
  response.setHeader('vary', 'Origin');
  if (request.method === 'OPTIONS') {
    const allowed = { 'access-control-allow-headers': 'authorization, dpop', 'access-control-max-age': '600' };
    return void response.writeHead(204, allowed).end();
  }
  const [path] = (request.url ?? '').split('?');
  if (request.method !== 'GET' || path !== '/bookings') return send(response, 404, { error: 'not_found' });
  // act: who asks on behalf of the person, where that is another API (RFC 8693 §4.1).
  const { sub, act } = await authorize(request, 'bookings:read');
  send(response, 200, { sub, act, bookings: ['Lisbon'] });
  if (once) response.once('close', () => process.exit(0));
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

/** RFC 6750 §3, RFC 9449 §7.1: both ways of sending a token are named. */
function challenge({ error, scope }: Refusal): string[] {
  const details = [error && `error="${error}"`, scope && `scope="${scope}"`].filter(Boolean);
  return [`Bearer ${details.join(', ')}`.trim(), `DPoP ${['algs="ES256"', ...details].join(', ')}`];
}

createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    if (!(error instanceof Refusal)) return send(response, 500, { error: 'server_error' });
    if (error.status < 500) response.setHeader('www-authenticate', challenge(error));
    send(response, error.status, { error: error.error || 'unauthorized' });
  });
}).listen(Number(new URL(ORIGIN).port), HOST, () => console.log(`ready at ${ORIGIN}`));
