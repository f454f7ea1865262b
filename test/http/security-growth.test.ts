import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { limits } from '../../config/protocol.js';
import { authorizationUrl, makeClient, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('what strangers send is not kept without end (OWASP ASVS 5.0 V2.4)', () => {
  let server: TestServer;

  beforeAll(async () => {
    // Keys of its own: counts in Redis are not shared with the suites beside this one.
    const environment = { COOKIE_KEYS: randomBytes(24).toString('base64url') };
    server = await startServer({ environment, overrides: { limits: { traces: { points: 3, seconds: 60 } } } });
  }, 180_000);
  afterAll(() => server?.close());

  const traces = async () =>
    Number(
      (await server.inside(({ db }) => db.manager.query('SELECT count(*) AS count FROM traces')))[0].count as string,
    );
  const open = async (url: string) =>
    (await fetch(url, { headers: { accept: 'text/html' }, redirect: 'manual' })).status;

  it('a refusal of nobody in particular leaves no row, whichever endpoint it is', async () => {
    const party = { clientId: 'nobody', clientSecret: 'x', redirectUri: 'https://rp.example/cb' };
    expect(await open(authorizationUrl(server, party, pkce()))).toBe(400);
    expect(await open(`${server.issuer}/authorize`)).toBe(400);
    expect(await open(`${server.issuer}/logout?id_token_hint=x`)).toBe(400);
    expect(await traces()).toBe(0);
  });

  it('refusals of a known client leave as many rows from one address as a person needs, and are still answered', async () => {
    const party = { ...(await makeClient(server)), redirectUri: 'https://evil.example/' };
    for (let time = 0; time < 6; time += 1) expect(await open(authorizationUrl(server, party, pkce()))).toBe(400);
    expect(await traces()).toBe(3);
    expect(limits.traces.points).toBeLessThanOrEqual(60);
  });
});
