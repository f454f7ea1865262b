import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startServer, type TestServer } from '../../support/server.js';

describe('provider metadata (OpenID Connect Discovery)', () => {
  let server: TestServer;
  let metadata: Record<string, unknown>;

  beforeAll(async () => {
    server = await startServer();
    metadata = (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as typeof metadata;
  }, 180_000);
  afterAll(() => server?.close());

  it('issuer is the address below which it lies, to the byte (§4.3)', () => {
    expect(metadata.issuer).toBe(server.issuer);
  });

  it('says all that is required (§3)', () => {
    expect(metadata).toMatchObject({
      authorization_endpoint: `${server.issuer}/authorize`,
      token_endpoint: `${server.issuer}/token`,
      userinfo_endpoint: `${server.issuer}/userinfo`,
      jwks_uri: `${server.issuer}/jwks`,
      response_types_supported: expect.arrayContaining(['code']),
      subject_types_supported: ['public', 'pairwise'],
      scopes_supported: expect.arrayContaining(['openid']),
    });
  });

  it('offers RS256 for ID tokens, and none nowhere (§3)', () => {
    expect(metadata.id_token_signing_alg_values_supported).toEqual(expect.arrayContaining(['RS256']));
    const algorithms = Object.entries(metadata).filter(([member]) => member.endsWith('_alg_values_supported'));
    expect(algorithms.length).toBeGreaterThan(5);
    for (const [member, values] of algorithms)
      expect([member, values]).not.toEqual([member, expect.arrayContaining(['none'])]);
  });

  it('each endpoint that it names is there', async () => {
    for (const [member, address] of Object.entries(metadata)) {
      if (!/_(endpoint|uri)$/.test(member) || member.startsWith('op_') || member === 'service_documentation') continue;
      const { status } = await fetch(String(address), { method: /jwks|userinfo/.test(member) ? 'GET' : 'POST' });
      expect([member, status === 404]).toEqual([member, false]);
    }
  });
});
