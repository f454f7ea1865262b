import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { authorizationUrl, pkce } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const redirectUri = 'https://tool.example/cb';

describe('how many documents are fetched (OAuth Client ID Metadata Document §6.5)', () => {
  let server: TestServer;
  let fetched = 0;

  beforeAll(async () => {
    server = await startServer({ overrides: { limits: { documentHostFetches: { points: 3, seconds: 600 } } } });
    server.services.egress.fetch = async () => {
      fetched += 1;
      return new Response('', { status: 404 });
    };
    const tenant = await server.services.tenants.find('default');
    await server.services.tenants.update(tenant, {
      settings: { protocol: { client_id_metadata_documents: { hosts: ['*'] } } },
    });
  }, 180_000);
  afterAll(() => server?.close());

  it('so many from one host and no more, and another host is not held up', async () => {
    const ask = async (clientId: string) => {
      const url = authorizationUrl(server, { clientId, clientSecret: '', redirectUri }, pkce());
      return (await fetch(url, { redirect: 'manual' })).status;
    };
    for (let time = 0; time < 6; time += 1) expect(await ask(`https://victim.example/${time}`)).toBe(400);
    expect(fetched).toBe(3);
    expect(await ask('https://other.example/client')).toBe(400);
    expect(fetched).toBe(4);
  });
});
