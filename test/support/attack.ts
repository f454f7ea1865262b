// What attackers' tests share: the management API as a client, and one request byte for byte.
import { connect } from 'node:net';
import { makeClient, type Party, post } from './party.js';
import type { TestServer } from './server.js';

/** A machine that holds these scopes of the management API, and its access token. */
export async function makeMachine(server: TestServer, scope: string): Promise<Party & { token: string }> {
  const party = await makeClient(server, {
    client_name: 'Machine',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: undefined,
    scope,
  });
  return { ...party, token: await machineToken(server, party, scope) };
}

export async function machineToken(server: TestServer, party: Party, scope: string): Promise<string> {
  const { status, body } = await post(server, '/token', party, {
    grant_type: 'client_credentials',
    resource: `${server.issuer}/api`,
    scope,
  });
  if (status !== 200) throw new Error(`no token: ${JSON.stringify(body)}`);
  return String(body.access_token);
}

export async function api(
  server: Pick<TestServer, 'issuer'>,
  token: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${server.issuer}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : {}, headers: response.headers };
}

/** What `fetch` would not send: a request byte for byte. @returns the answer as it came. */
export function raw(server: Pick<TestServer, 'issuer'>, text: string): Promise<string> {
  const { port } = new URL(server.issuer);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.once('close', () => resolve(answer));
    socket.once('error', reject);
  });
}
