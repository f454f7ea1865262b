// A device that somebody else has written: openid-client, unchanged.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as client from 'openid-client';
import { Browser } from '../../support/browser.js';
import { approve, makeDeviceClient, typeCode } from '../../support/device.js';
import { makePerson } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('device authorization grant, by openid-client (RFC 8628)', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());

  it('§3.2 to §3.5: asks, waits as long as it is told, and gets tokens and claims of the person', async () => {
    const party = await makeDeviceClient(server);
    const config = await client.discovery(new URL(server.issuer), party.clientId, party.clientSecret, undefined, {
      execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
    });
    const { email, id } = await makePerson(server);
    const asked = await client.initiateDeviceAuthorization(config, { scope: 'openid email' });
    const browser = new Browser();
    await approve(browser, await typeCode(browser, server, asked.user_code), email);
    const tokens = await client.pollDeviceAuthorizationGrant(config, asked);
    expect(tokens.claims()?.sub).toBe(id);
    expect(await client.fetchUserInfo(config, tokens.access_token, id)).toMatchObject({ email });
  }, 30_000);
});
