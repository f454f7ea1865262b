import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../support/browser.js';
import { withoutNonces } from '../support/journey.js';
import { makePerson, signIn } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { linkIn } from '../support/sign-in-letters.js';
import { Traveller, trusting } from '../support/traveller.js';

describe('a forgotten password', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());

  const ask = async (username: string, browser = new Browser()) =>
    browser.submit(await browser.open(`${server.issuer}/forgotten-password`), { username });

  const linkTo = (email: string) => linkIn(server, email, 'password');

  it('is replaced by way of the mailbox, once', async () => {
    const { email } = await makePerson(server);
    const browser = new Browser();
    const sent = await ask(email, browser);
    expect(sent.url).toMatch(/\/forgotten-password\/done$/);
    const link = await linkTo(email);
    const page = await browser.open(link);
    const done = await browser.submit(page, { password: 'mountains are patient' });
    expect(done.url).toMatch(/\/password\/done$/);
    expect((await server.inside(({ passwords }) => passwords.verify(email, 'mountains are patient'))).outcome).toBe(
      'ok',
    );
    expect((await browser.open(link)).status).toBe(400);
  });

  it('is answered alike for an address without an account', async () => {
    const { email } = await makePerson(server);
    const [known, unknown] = [await ask(email), await ask(`nobody-${Date.now()}@example.com`)];
    expect([unknown.url, unknown.status, withoutNonces(unknown)]).toEqual([
      known.url,
      known.status,
      withoutNonces(known),
    ]);
  });

  it('is refused from another site, without its token, without a name, and too often for one address', async () => {
    const address = `${server.issuer}/forgotten-password`;
    const browser = new Browser();
    const page = await browser.open(address);
    const csrf = /name="csrf" value="([^"]*)"/.exec(page.html)?.[1] ?? '';
    const post = (form: Record<string, string>, origin = new URL(address).origin) =>
      browser.request(address, { method: 'POST', body: new URLSearchParams(form), headers: { origin } });
    expect((await post({ username: 'a@example.com', csrf }, 'https://evil.example')).status).toBe(403);
    expect((await post({ username: 'a@example.com' })).status).toBe(403);
    expect((await post({ csrf })).status).toBe(422);
    for (let i = 0; i < 5; i += 1) expect((await post({ username: 'often@example.com', csrf })).status).toBe(303);
    expect((await post({ username: 'often@example.com', csrf })).status).toBe(429);
  });
});

describe('letters that strangers ask for, from one network after the other (OWASP ASVS 5.0 V6.1.1)', () => {
  let server: TestServer;
  beforeAll(async () => {
    const letters = {
      lettersToAddress: { points: 3, seconds: 3600 },
      lettersToAddressInAll: { points: 4, seconds: 3600 },
      lettersFromClient: { points: 1000, seconds: 3600 },
    };
    server = await startServer({ ...trusting, overrides: { letters } });
  }, 60_000);
  afterAll(() => server?.close());

  const ask = async (username: string, browser: Browser) =>
    (await browser.submit(await browser.open(`${server.issuer}/forgotten-password`), { username })).status;

  it('keep nobody waiting in a browser that the account knows, and no other account’s browser passes', async () => {
    const [person, other] = [await makePerson(server), await makePerson(server)];
    const [home, elsewhere] = [new Traveller('198.51.100.7'), new Traveller('203.0.113.200')];
    await signIn(home, `${server.issuer}/account`, person.email);
    await signIn(elsewhere, `${server.issuer}/account`, other.email);
    for (const ip of ['192.0.2.1', '192.0.2.2', '203.0.113.1', '203.0.113.2'])
      expect(await ask(person.email, new Traveller(ip))).toBe(200);
    expect(await ask(person.email, new Traveller('198.18.1.1'))).toBe(429);
    expect(await ask(person.email, elsewhere)).toBe(429);
    expect([await ask(person.email, home), await ask(person.email, home)]).toEqual([200, 200]);
    // Who has no account is counted as whoever has one.
    for (const ip of ['192.0.2.1', '192.0.2.2', '203.0.113.1', '203.0.113.2'])
      expect(await ask('nobody@example.com', new Traveller(ip))).toBe(200);
    expect(await ask('nobody@example.com', home)).toBe(429);
  });
});
