// An API that calls another one for the person who asks it. The token it is shown is for itself alone, so it is never sent on: the server exchanges it
// for one that the other API takes (RFC 8693), with no more scope, no longer life, and the name of this API in `act`.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as client from 'openid-client';

const { ISSUER = 'http://localhost:3000', ORIGIN = 'http://localhost:8086', HOST = '127.0.0.1' } = process.env;
const { CLIENT_ID = 'example-trips', CLIENT_SECRET = '', AUDIENCE = 'https://trips.example.com' } = process.env;
// The other API: where it is, as which resource it is registered, and what is asked for there.
const { API = 'http://localhost:8083/bookings', API_AUDIENCE = 'https://bookings.example.com' } = process.env;
const scope = 'bookings:read';
const once = process.argv.includes('--once'); // ends when it has answered somebody who may

const accessToken = 'urn:ietf:params:oauth:token-type:access_token';

if (!CLIENT_SECRET) {
  console.error('CLIENT_SECRET is not set: the server printed it when it made the client');
  process.exit(1);
}

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
  ) {
    super(error);
  }
}

/** @returns the token of a person who may do this. @throws Refusal as RFC 6750 §3.1 words it. */
async function authorize({ headers }: IncomingMessage): Promise<string> {
  // §3: who brings nothing is told how to ask, and of no error.
  if (!headers.authorization) throw new Refusal(401);
  const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(headers.authorization)?.[1];
  if (!token) throw new Refusal(401, 'invalid_token');
  const answer = await client.tokenIntrospection(configuration, token, { token_type_hint: 'access_token' });
  // First it is judged as by any API: a token for another one is refused here, and not left to the exchange (RFC 9700 §2.3).
  if (!answer.active || ![answer.aud].flat().includes(AUDIENCE)) throw new Refusal(401, 'invalid_token');
  // A token that is bound to a key can be exchanged by whoever has the key (RFC 9449), which this API has not.
  if (answer.cnf || answer.token_type?.toLowerCase() !== 'bearer') throw new Refusal(401, 'invalid_token');
  if (!answer.scope?.split(' ').includes(scope)) throw new Refusal(403, 'insufficient_scope');
  return token;
}

/** One for the other API, in the name of the same person (§2.1). Each is good for a few minutes, and asked for when it is needed. */
async function exchange(subjectToken: string): Promise<string> {
  const tokens = await client.genericGrantRequest(configuration, 'urn:ietf:params:oauth:grant-type:token-exchange', {
    subject_token: subjectToken,
    subject_token_type: accessToken,
    requested_token_type: accessToken,
    resource: API_AUDIENCE,
    scope,
  });
  return tokens.access_token;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path] = (request.url ?? '').split('?');
  if (request.method !== 'GET' || path !== '/trips') return send(response, 404, { error: 'not_found' });
  const token = await exchange(await authorize(request));
  const bookings = await client.fetchProtectedResource(configuration, token, new URL(API), 'GET');
  if (!bookings.ok) throw new Error(`${API} answered ${bookings.status}`);
  // What the other API says of who asked: sub is the person, act.sub this API (§4.1).
  const { sub, act, bookings: cities } = (await bookings.json()) as { sub: string; act: unknown; bookings: string[] };
  send(response, 200, { trips: cities.map((city) => ({ city, hotel: 'Central' })), asked: { for: sub, by: act } });
  if (once) response.once('close', () => process.exit(0));
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    if (error instanceof Refusal) {
      const details = [error.error && `error="${error.error}"`, error.status === 403 && `scope="${scope}"`].filter(
        Boolean,
      );
      response.setHeader('www-authenticate', ['Bearer', details.join(', ')].filter(Boolean).join(' '));
      return send(response, error.status, { error: error.error || 'unauthorized' });
    }
    // Whoever operates this is told what the server did not allow; whoever asks, that it did not work.
    const why = error instanceof client.ResponseBodyError ? `${error.error}: ${error.error_description}` : error;
    console.error(`${request.method} ${request.url?.split('?')[0]}: ${why}`);
    send(response, 502, { error: 'bad_gateway' });
  });
}).listen(Number(new URL(ORIGIN).port), HOST, () => console.log(`ready at ${ORIGIN}`));
