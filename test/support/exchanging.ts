// Token exchange (RFC 8693) as its parts see it: an application whose tokens a service receives, the service that exchanges them, and who asks for more.
import { makeClient, type Party, post, tokensFor } from './party.js';
import type { TestServer } from './server.js';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** What the application calls, and what the service calls on behalf of the person. */
export const front = 'https://front.example/api';
export const back = 'https://back.example/api';
/** A resource with JWT access tokens. */
export const signed = 'https://signed.example/api';

export interface Chain {
  app: Party;
  service: Party;
  policyId: string;
}

export async function makeChain(server: TestServer, metadata: Record<string, unknown> = {}): Promise<Chain> {
  const app = await makeClient(server, { consent_policy: 'implicit' });
  const service = await makeClient(server, {
    client_name: 'Service',
    grant_types: [TOKEN_EXCHANGE, 'client_credentials'],
    response_types: [],
    redirect_uris: [],
    ...metadata,
  });
  const policyId = await letExchange(server, service, app);
  return { app, service, policyId };
}

export const makeResources = (server: TestServer) =>
  server.inside(async ({ resources }) => {
    const scopes = ['read', 'write', 'admin'].map((name) => ({ name }));
    for (const identifier of [front, back]) await resources.create({ identifier, name: identifier, scopes } as never);
    await resources.create({ identifier: signed, name: 'Signed', scopes, access_token_format: 'jwt' } as never);
  });

export const letExchange = (server: TestServer, service: Party, app: Party, more: object = {}): Promise<string> =>
  server.inside(async ({ exchangePolicies }) => {
    const policy = await exchangePolicies.create({
      client_id: service.clientId,
      subject_clients: [app.clientId],
      subject_audiences: [front, signed],
      resources: [back, signed],
      ...more,
    });
    return policy.id;
  });

/** What the application was given, and shows to the service. */
export const received = async (server: TestServer, app: Party, email: string, resource = front, more = {}) =>
  tokensFor(server, app, email, { resource, scope: 'openid read write', ...more });

export const exchange = (server: TestServer, party: Party, token: unknown, more: Record<string, string> = {}) =>
  post(server, '/token', party, {
    grant_type: TOKEN_EXCHANGE,
    subject_token: String(token),
    subject_token_type: ACCESS_TOKEN,
    ...more,
  });
