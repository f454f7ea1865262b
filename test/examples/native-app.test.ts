// examples/native-app as its reader runs it; the test is the system's browser.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../support/browser.js';
import { declareExamples, runExample } from '../support/examples.js';
import { makePerson, signIn } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the example of a native application (RFC 8252)', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    await declareExamples(server);
  }, 180_000);
  afterAll(() => server?.close());

  it('signs in over a loopback port that was free, takes its own answer alone, keeps nothing, and ends with 0', async () => {
    const { email } = await makePerson(server);
    const example = runExample('native-app', { ISSUER: server.issuer, BROWSER: 'true' }, '--once');
    const address = await example.said(`${server.issuer}/authorize`);
    const redirectUri = new URL(String(new URL(address).searchParams.get('redirect_uri')));
    expect(redirectUri.hostname).toBe('127.0.0.1');

    // Anybody on this machine may ask the port; none of it is an answer, and the sign-in goes on.
    for (const path of ['/', '//', '//:', '/callback', '/callback?state=x&code=y']) {
      const answer = await fetch(redirectUri.origin + path);
      expect([path, answer.status]).toEqual([path, 404]);
    }
    const page = await signIn(new Browser(), address, email);
    const answer = await fetch(page.url);
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('close this window')]);

    await example.said('Hello Maria Muster');
    expect(await example.ended()).toBe(0);
    await expect(fetch(redirectUri)).rejects.toThrow('fetch failed');
    const living = await server.services.db.manager.query('SELECT id FROM grants WHERE ended_at IS NULL');
    expect(living).toEqual([]);
  });

  it('ends with an error where the person says no', async () => {
    const example = runExample('native-app', { ISSUER: server.issuer, BROWSER: 'true' }, '--once');
    const url = new URL(await example.said(`${server.issuer}/authorize`));
    const { redirect_uri, state } = Object.fromEntries(url.searchParams);
    const denied = new URLSearchParams({ error: 'access_denied', state: String(state), iss: server.issuer });
    await fetch(`${redirect_uri}?${denied}`);
    expect(await example.ended()).toBe(1);
  });
});
