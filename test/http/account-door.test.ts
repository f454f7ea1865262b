import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { enter, formAt } from '../support/account.js';
import { Browser, readForm } from '../support/browser.js';
import { isSignedIn, nameOf, send } from '../support/journey.js';
import { makeClient, makePerson, type Party, password } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { at } from '../support/tenancy.js';

const OWN = 'ostiary-account';
const pages = ['', '/profile', '/devices', '/applications', '/activity'];

describe('the door of the account', () => {
  let server: TestServer;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
  });

  describe('who is not signed in', () => {
    it.each(pages)('is asked to, and comes back to the page they came for: /account%s', async (path) => {
      const { page } = await enter(server, person.email, path);
      expect(page.html).toContain(person.email);
    });

    it('is given neither a code nor a token on the way (OAuth 2.0 Multiple Response Types §4)', async () => {
      const browser = new Browser();
      const named = await browser.submit(await browser.open(`${server.issuer}/account`), { username: person.email });
      const { action, values } = readForm(named);
      let response = await browser.request(action, {
        method: 'POST',
        body: new URLSearchParams([...values.filter(([name]) => name !== 'password'), ['password', password]]),
        headers: { origin: server.issuer },
      });
      const seen: string[] = [];
      for (let hop = 0; response.headers.get('location') && hop < 8; hop += 1) {
        const address = new URL(response.headers.get('location') ?? '', server.issuer).href;
        seen.push(address);
        response = await browser.request(address);
      }
      expect(seen.at(-1)).toBe(`${server.issuer}/account`);
      expect(seen.join(' ')).not.toMatch(/[?&](code|access_token|id_token)=/);
      expect(seen.join(' ')).not.toContain(encodeURIComponent(person.email));
    });

    it('sees of the sign-in what is true: they go to no application', async () => {
      const page = await new Browser().open(`${server.issuer}/account`);
      expect(nameOf(page)).toBe('identifier');
      expect(page.html).not.toContain('class="going"');
      expect(page.html).not.toContain(OWN);
    });

    it('is not sent round in circles where cookies are not kept', async () => {
      const { browser } = await enter(server, person.email);
      const state = await stateFor('/account/profile');
      const page = await new Browser().open(`${server.issuer}/account/signed-in?state=${state}`);
      expect(page.status).toBe(400);
      expect((await browser.open(`${server.issuer}/account/signed-in?state=${state}`)).url).toBe(
        `${server.issuer}/account/profile`,
      );
    });
  });

  describe('who is signed in', () => {
    it.each([
      ['was disabled', async () => server.inside(async ({ users }) => users.disable(await users.find(person.id)))],
      ['was deleted', async () => server.inside(async ({ users }) => users.delete(await users.find(person.id)))],
      ['was signed out', async () => server.inside(({ protocol }) => protocol.sessions.endAll(person.id, 'revoked'))],
    ])('is nobody any more once the account %s', async (_how, end) => {
      const { browser } = await enter(server, person.email);
      await end();
      for (const path of pages)
        expect(nameOf(await browser.open(`${server.issuer}/account${path}`))).toBe('identifier');
      expect((await browser.request(`${server.issuer}/api/v1/auth/me`)).status).toBe(401);
    });

    it('is nobody at another tenant, whatever the cookie is called', async () => {
      const { browser } = await enter(server, person.email);
      const { tenants } = server.services;
      const acme = at(server, await tenants.create({ name: 'Acme', slug: 'acme' }));
      expect(nameOf(await browser.open(`${acme.issuer}/account`))).toBe('identifier');
      for (const { name, value } of [...browser.cookies.values()]) {
        const other = name.replace('ostiary_default', 'ostiary_acme');
        browser.cookies.set(`${other}|/`, { name: other, value, path: '/' });
      }
      expect(nameOf(await browser.open(`${acme.issuer}/account`))).toBe('identifier');

      const there = await makePerson(acme, person.email);
      const { page } = await enter(acme, there.email, '/profile');
      expect(page.html).toContain('action="/t/acme/account/profile"');
      expect(page.html).toContain('href="/t/acme/account/devices"');
    });

    it('gets pages that nobody stores, frames or refers to', async () => {
      const { browser } = await enter(server, person.email);
      for (const path of [...pages, '?done=profile_saved']) {
        const { status, headers } = await browser.open(`${server.issuer}/account${path}`);
        expect(status).toBe(200);
        expect(headers.get('cache-control')).toBe('no-store');
        expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
        expect(headers.get('referrer-policy')).toBe('no-referrer');
      }
    });

    it('is not told by somebody else’s link that something was done', async () => {
      const { browser } = await enter(server, person.email);
      const notice = async (site: string) => {
        const url = `${server.issuer}/account/profile?done=profile_saved`;
        const page = await browser.request(url, { headers: { 'sec-fetch-site': site } });
        return [page.status, (await page.text()).includes('role="status"')];
      };
      expect(await notice('same-origin')).toEqual([200, true]);
      for (const site of ['cross-site', 'same-site']) expect(await notice(site)).toEqual([200, false]);
    });

    it.each(['<script>', 'constructor', '__proto__', 'account.title', 'to_string'])(
      'is told only what we have words for: ?done=%s',
      async (done) => {
        const { browser } = await enter(server, person.email);
        const page = await browser.open(`${server.issuer}/account?done=${encodeURIComponent(done)}`);
        expect(page.status).toBe(200);
        expect(page.html).not.toContain('role="status"');
      },
    );
  });

  describe('a change', () => {
    const address = () => `${server.issuer}/account/profile`;
    const nameNow = () => server.inside(async ({ users }) => (await users.find(person.id)).claims.name);

    it.each([
      ['without a token', {}, undefined],
      ['with a token of another session', { other: true }, undefined],
      ['from another origin', {}, { origin: 'https://evil.example' }],
      ['from another site, as the browser says', {}, { 'sec-fetch-site': 'cross-site' }],
      ['from a sibling', {}, { 'sec-fetch-site': 'same-site' }],
    ] as const)('is not made %s', async (_how, { other }: { other?: boolean }, headers) => {
      const { browser, page } = await enter(server, person.email, '/profile');
      const stranger = await enter(server, (await makePerson(server)).email, '/profile');
      const csrfOf = (one: typeof page) =>
        readForm(one, formAt(one, '/account/profile')).values.find(([name]) => name === 'csrf')?.[1] ?? '';
      const csrf = headers ? csrfOf(page) : other ? csrfOf(stranger.page) : '';
      const answer = await send(browser, address(), { name: 'Mallory', csrf }, headers ?? { origin: server.issuer });
      expect(answer.status).toBe(403);
      expect(await nameNow()).toBe('Maria Muster');
    });

    it('is not made by opening an address', async () => {
      const { browser } = await enter(server, person.email);
      for (const path of [
        'devices/session-end',
        'devices/others-end',
        'devices/forget',
        'applications/revoke',
        'activity/not-me',
      ])
        expect((await browser.open(`${server.issuer}/account/${path}`)).status).toBe(404);
    });

    it('by nobody leads to the sign-in, and changes nothing', async () => {
      const page = await new Browser().open(address(), {
        method: 'POST',
        body: new URLSearchParams({ name: 'Mallory' }),
        headers: { origin: server.issuer },
      });
      expect(nameOf(page)).toBe('identifier');
    });
  });

  it('what is signed in here is signed in at applications, and the other way round', async () => {
    const party: Party = await makeClient(server, { consent_policy: 'implicit' });
    const { browser } = await enter(server, person.email);
    expect(await isSignedIn(server, party, browser)).toBe(true);
  });

  /** As the server gives it to whoever comes without a session. */
  const stateFor = async (path: string): Promise<string> => {
    const answer = await new Browser().request(server.issuer + path);
    return new URL(answer.headers.get('location') ?? '').searchParams.get('state') ?? '';
  };
});
