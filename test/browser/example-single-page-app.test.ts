// examples/single-page-app in Chromium, with examples/resource-server-jwt as its API: as their readers run them.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { giveName, givePassword, launchChromium, openContext, type Watched } from '../support/chromium.js';
import { declareExamples, type Example, runExample } from '../support/examples.js';
import { makePerson, password } from '../support/party.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

describe('the example of an application in the browser', () => {
  let server: TestServer;
  let browser: Browser;
  let person: Watched;
  let example: Example;
  let api: Example;
  let origin: string;
  let apiOrigin: string;
  const asked: { url: string; authorization?: string; dpop?: string }[] = [];

  beforeAll(async () => {
    server = await startServer();
    const [port, apiPort] = [await freePort(), await freePort()];
    [origin, apiOrigin] = [`http://localhost:${port}`, `http://localhost:${apiPort}`];
    await declareExamples(server, { 8081: port });
    const ISSUER = server.issuer;
    api = runExample('resource-server-jwt', { ISSUER, ORIGIN: apiOrigin, ALLOWED_ORIGIN: origin });
    example = runExample('single-page-app', { ISSUER, ORIGIN: origin, API: `${apiOrigin}/bookings` }, '--once');
    browser = await launchChromium();
    person = await openContext(browser, [server.issuer, origin, apiOrigin]);
    person.context.on('request', (request) => {
      const { authorization, dpop } = request.headers();
      if (dpop) asked.push({ url: request.url(), dpop, ...(authorization ? { authorization } : {}) });
    });
    await Promise.all([example.said('ready'), api.said('ready')]);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    example?.stop();
    api?.stop();
    await server?.close();
  });

  it('signs in, and asks userinfo and its API with tokens that are bound to a key of this browser (RFC 9449)', async () => {
    const { email } = await makePerson(server);
    const { page, complaints } = person;
    await page.goto(origin);
    await page.click('#sign-in');
    await giveName(page, email);
    await givePassword(page, password);
    await page.click('#consent-allow');
    await page.waitForSelector('#sign-out:not([hidden])');
    expect(await page.textContent('#title')).toBe('Hello Maria Muster');
    expect(await page.textContent('#bookings')).toBe('Lisbon');
    expect(page.url()).toBe(`${origin}/`);
    expect(complaints).toEqual([]);

    const addresses = asked.map(({ url, authorization }) => `${authorization?.split(' ')[0] ?? '-'} ${url}`);
    expect(addresses).toEqual([
      `- ${server.issuer}/token`,
      `DPoP ${server.issuer}/userinfo`,
      `- ${server.issuer}/token`,
      `DPoP ${apiOrigin}/bookings`,
    ]);
    const [, userinfo, , bookings] = asked;
    expect(userinfo?.authorization).not.toBe(bookings?.authorization);
  });

  it('keeps no token where another page or a later visitor would find it, and its key cannot be read', async () => {
    const kept = await person.page.evaluate(`(async () => {
      const { keyPair } = await import('/keys.js');
      const { privateKey } = await keyPair();
      const exported = await crypto.subtle.exportKey('jwk', privateKey).then(() => 'read', (error) => error.name);
      return { local: localStorage.length, session: sessionStorage.length, cookies: document.cookie, exported };
    })()`);
    expect(kept).toEqual({ local: 0, session: 0, cookies: '', exported: 'InvalidAccessError' });
  });

  it('what it was given is worth nothing to whoever copies it (RFC 9449 §1)', async () => {
    const { authorization = '', dpop = '' } = asked.at(-1) ?? {};
    const token = authorization.replace('DPoP ', '');
    const copies: Record<string, string>[] = [
      { authorization: `Bearer ${token}` },
      { authorization },
      { authorization, dpop },
    ];
    for (const headers of copies) expect((await fetch(`${apiOrigin}/bookings`, { headers })).status).toBe(401);
  });

  it('is served by who has these files and no other', async () => {
    for (const path of ['//', '//:', '/constructor', '/..%2f..%2fpackage.json', '/main.ts'])
      expect([path, (await fetch(`${origin}${path}`)).status]).toEqual([path, 404]);
  });

  it('takes no answer that its tab did not ask for (RFC 9700 §4.7.1)', async () => {
    const { context, page } = await openContext(browser, [server.issuer, origin, apiOrigin]);
    await page.goto(`${origin}/callback?code=x&state=y&iss=${encodeURIComponent(server.issuer)}`);
    await page.waitForSelector('#sign-in:not([hidden])');
    expect(await page.textContent('#title')).toBe('Not signed in: This sign-in was not begun in this tab');
    await context.close();
  });

  it('pages of another origin read no answer to this client, and none of its API (Fetch, CORS)', async () => {
    const allowed = async (url: string, from: string, form?: Record<string, string>) => {
      const body = form ? { method: 'POST', body: new URLSearchParams(form) } : {};
      return (await fetch(url, { ...body, headers: { origin: from } })).headers.get('access-control-allow-origin');
    };
    const form = { client_id: 'example-single-page-app', grant_type: 'refresh_token', refresh_token: 'x' };
    expect(await allowed(`${server.issuer}/token`, origin, form)).toBe(origin);
    expect(await allowed(`${server.issuer}/token`, 'https://evil.example', form)).toBe(null);
    expect(await allowed(`${apiOrigin}/bookings`, 'https://evil.example')).toBe(origin);
  });

  it('signs out here and at the server, and the one who served it ends with 0', async () => {
    const { page, complaints } = person;
    await page.click('#sign-out');
    await page.waitForURL(`${origin}/signed-out`);
    expect(await page.textContent('h1')).toBe('You are signed out');
    expect(complaints).toEqual([]);
    expect(await example.ended()).toBe(0);
  });
});
