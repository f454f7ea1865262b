import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeClient } from '../../support/party.js';
import { assertionOf, dpopKey } from '../../support/proofs.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('an assertion of a client is for this issuer and for nobody else (RFC 7523 §3)', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());

  it.each([
    ['the issuer', (issuer: string) => issuer, true],
    ['the issuer in a list', (issuer: string) => [issuer], false],
    ['the issuer in a list beside another server', (issuer: string) => [issuer, 'https://evil.example'], false],
    ['the token endpoint', (issuer: string) => `${issuer}/token`, false],
    ['the endpoint that is asked', (issuer: string) => `${issuer}/introspect`, false],
    ['the issuer with a slash', (issuer: string) => `${issuer}/`, false],
    ['an empty list', () => [], false],
  ])('its audience is the issuer as a string: %s', async (_what, audience, taken) => {
    const key = await dpopKey();
    const { clientId } = await makeClient(server, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...key.jwk, alg: 'ES256', use: 'sig' }] },
    });
    const jti = randomUUID();
    const ask = async (aud: string | string[]) => {
      const response = await fetch(`${server.issuer}/introspect`, {
        method: 'POST',
        body: new URLSearchParams({
          token: 'x',
          client_assertion: await assertionOf(key, clientId, aud, jti),
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        }),
      });
      return { status: response.status, body: await response.json() };
    };
    const answer = await ask(audience(server.issuer));
    if (taken) expect(answer).toEqual({ status: 200, body: { active: false } });
    else expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    // What was refused has spent nothing: its jti is good once.
    expect((await ask(server.issuer)).status).toBe(taken ? 401 : 200);
  });
});
