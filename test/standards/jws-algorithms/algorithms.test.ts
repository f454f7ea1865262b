import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { Browser } from '../../support/browser.js';
import { makeClient, makePerson, tokensFor } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('signing keys beyond ES256 and RS256, where the tenant asks for them (RFC 7518 §3.1, RFC 8037)', () => {
  let server: TestServer;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    email = (await makePerson(server)).email;
  }, 180_000);
  afterAll(() => server?.close());

  const published = async () => (await (await fetch(`${server.issuer}/jwks`)).json()) as JSONWebKeySet;
  const kid = async (status: string, alg: string) =>
    (await server.inside(({ keys }) => keys.list())).find((key) => key.status === status && key.alg === alg)?.kid ?? '';
  const isGood = async (token: string): Promise<boolean> =>
    jwtVerify(token, createLocalJWKSet(await published())).then(
      () => true,
      () => false,
    );
  const run = () => server.services.keySchedule.run();

  it('EdDSA keys are published, and sign for who is registered with it (RFC 8037 §3.1)', async () => {
    const registered = { id_token_signed_response_alg: 'EdDSA', consent_policy: 'implicit' };
    await expect(makeClient(server, registered)).rejects.toMatchObject({ status: 422 });
    const discovery = async () =>
      (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as Record<string, string[]>;
    expect((await discovery()).id_token_signing_alg_values_supported?.sort()).toEqual(['ES256', 'RS256']);

    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), {
        settings: { signing_keys: { rotation_days: 90, algorithms: ['ES256', 'RS256', 'EdDSA'] } },
      }),
    );
    expect((await discovery()).id_token_signing_alg_values_supported).toContain('EdDSA');
    const modern = await makeClient(server, registered);
    const { id_token: token } = await tokensFor(server, modern, email, {}, new Browser());
    expect(decodeProtectedHeader(String(token))).toMatchObject({ alg: 'EdDSA', kid: await kid('current', 'EdDSA') });
    expect(await isGood(String(token))).toBe(true);

    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), {
        settings: { signing_keys: { rotation_days: 90, algorithms: ['ES256', 'RS256'] } },
      }),
    );
    await run();
    expect(await kid('current', 'EdDSA')).toBe('');
    // What was signed is good as long as it lives.
    expect(await isGood(String(token))).toBe(true);
  });

  it('PS256 keys are their own, beside those of RS256 (RFC 7518 §3.5)', async () => {
    const registered = { id_token_signed_response_alg: 'PS256', consent_policy: 'implicit' };
    await expect(makeClient(server, registered)).rejects.toMatchObject({ status: 422 });
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), {
        settings: { signing_keys: { rotation_days: 90, algorithms: ['ES256', 'RS256', 'PS256'] } },
      }),
    );
    const modern = await makeClient(server, registered);
    const { id_token: token } = await tokensFor(server, modern, email, {}, new Browser());
    expect(decodeProtectedHeader(String(token))).toMatchObject({ alg: 'PS256', kid: await kid('current', 'PS256') });
    expect(await kid('current', 'RS256')).not.toBe(await kid('current', 'PS256'));
    expect(await isGood(String(token))).toBe(true);
  });
});
