// examples/web-app as its reader runs it: sign-in, a protected page, sign-out from either side; and what it must refuse.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { declareExamples, type Example, runExample } from '../support/examples.js';
import { until } from '../support/pair.js';
import { makePerson, signIn } from '../support/party.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

describe('the example of a web application', () => {
  let server: TestServer;
  let example: Example;
  let origin: string;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer({ environment: { EGRESS_ALLOW: '127.0.0.1' } });
    const port = await freePort();
    origin = `http://localhost:${port}`;
    const secrets = await declareExamples(server, { 8080: port });
    const CLIENT_SECRET = String(secrets.get('example-web-app'));
    example = runExample('web-app', { ISSUER: server.issuer, ORIGIN: origin, CLIENT_SECRET }, '--once');
    person = await makePerson(server);
    await example.said(`ready at ${origin}`);
  }, 180_000);
  afterAll(async () => {
    example?.stop();
    await server?.close();
  });

  /** As far as the callback, which the browser has not opened yet. */
  const begin = async (browser: Browser) =>
    (await signIn(browser, (await browser.open(`${origin}/profile`)).url, person.email)).url;
  const signedIn = async () => {
    const browser = new Browser();
    const page = await browser.open(await begin(browser));
    expect([page.url, page.status]).toEqual([`${origin}/profile`, 200]);
    return browser;
  };
  const isSignedIn = async (browser: Browser) => (await browser.request(`${origin}/profile`)).status === 200;

  it('asks whoever opens a protected page to sign in, and shows it to them alone', async () => {
    const browser = await signedIn();
    const page = await browser.open(`${origin}/profile`);
    expect(page.html).toContain('<h1>Hello Maria Muster</h1>');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(await isSignedIn(new Browser())).toBe(false);
  });

  it('takes no answer that its browser did not ask for, and none twice (RFC 9700 §4.7.1)', async () => {
    const browser = new Browser();
    const callback = await begin(browser);
    expect((await new Browser().open(callback)).status).toBe(400);
    expect((await browser.open(callback)).status).toBe(200);
    expect((await browser.open(callback)).status).toBe(400);
  });

  it.each([
    ['another issuer (RFC 9207 §2.4)', (url: URL) => url.searchParams.set('iss', 'https://other.example')],
    ['no issuer', (url: URL) => url.searchParams.delete('iss')],
    ['another state', (url: URL) => url.searchParams.set('state', 'x')],
    ['an error', (url: URL) => url.searchParams.set('error', 'access_denied')],
  ])('takes no answer with %s', async (_what, change) => {
    const browser = new Browser();
    const url = new URL(await begin(browser));
    change(url);
    expect((await browser.open(url.href)).status).toBe(400);
    expect(await isSignedIn(browser)).toBe(false);
  });

  it('hears that a session has ended at the server, and believes nobody else (Back-Channel Logout §2.6)', async () => {
    const [first, second] = [await signedIn(), await signedIn()];
    // The server is not asked for this page: only who is told can know.
    const isKnown = async (browser: Browser) => (await browser.open(`${origin}/`)).html.includes('Welcome back');
    expect([await isKnown(first), await isKnown(second)]).toEqual([true, true]);
    const forged = await fetch(`${origin}/backchannel-logout`, {
      method: 'POST',
      body: new URLSearchParams({ logout_token: 'eyJhbGciOiJub25lIn0.e30.' }),
    });
    expect([forged.status, await isSignedIn(first)]).toEqual([400, true]);
    const [session] = await server.services.db.manager.query<{ uid: string }[]>(
      'SELECT uid FROM sessions WHERE account_id = $1 ORDER BY created_at DESC LIMIT 1',
      [person.id],
    );
    const administrator = await tokenWith(server, 'sessions:write');
    expect((await ask(server, administrator, 'DELETE', `/sessions/${session?.uid}`)).status).toBe(204);
    await until('the application has heard of it', async () => !(await isKnown(second)), 30_000);
    expect([await isKnown(first), await isSignedIn(first)]).toEqual([true, true]);
  });

  it('takes a sign-out from its own pages only, signs out at the server too, and ends with 0', async () => {
    const browser = await signedIn();
    const foreign = { method: 'POST', headers: { origin: 'https://evil.example' } };
    expect((await browser.request(`${origin}/sign-out`, foreign)).status).toBe(403);
    const there = await browser.submit(await browser.open(`${origin}/profile`), {});
    expect(there.url).toContain(`${server.issuer}/logout`);
    const back = await browser.submit(await browser.open(there.url), {});
    expect(back.url).toBe(`${origin}/signed-out`);
    expect((await browser.open(back.url)).html).toContain('You are signed out');
    expect(await example.ended()).toBe(0);
    expect(example.lines.join('\n')).not.toMatch(/code=|eyJ/);
  });
});
