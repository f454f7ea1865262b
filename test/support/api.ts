// The management API as a program uses it: a client with scopes, its token, and requests with it.
import { makeClient, type Party, post } from './party.js';
import type { TestServer } from './server.js';

export interface Answer {
  status: number;
  body: Record<string, unknown>;
  headers: Headers;
}

export const makeManager = (server: TestServer, scope: string): Promise<Party> =>
  makeClient(server, {
    client_name: 'Manager',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope,
  });

export async function managementToken(server: TestServer, manager: Party, scope: string): Promise<string> {
  const answer = await post(server, '/token', manager, {
    grant_type: 'client_credentials',
    scope,
    resource: `${server.issuer}/api`,
  });
  if (answer.status !== 200) throw new Error(`no token: ${JSON.stringify(answer.body)}`);
  return String(answer.body.access_token);
}

/** A token with exactly these scopes. */
export const tokenWith = async (server: TestServer, scope: string): Promise<string> =>
  managementToken(server, await makeManager(server, scope), scope);

export async function ask(
  server: Pick<TestServer, 'issuer'>,
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${server.issuer}/api/v1${path}`, {
    method: method.toUpperCase(),
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /[/+]json(;|$)/.test(response.headers.get('content-type') ?? '');
  // What is streamed is a text.
  const said = isJson ? JSON.parse(text) : text ? { text } : {};
  return { status: response.status, body: said, headers: response.headers };
}
