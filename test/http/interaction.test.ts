import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { Browser, type Page } from '../support/browser.js';
import { baseOf, csrfOf, errorTitles, isSignedIn, nameOf, resumeOf, send, titleOf } from '../support/journey.js';
import { authorizationUrl, codeOf, makePerson, password, pkce, signIn } from '../support/party.js';
import { Visit } from '../support/visit.js';

const { expired, other_browser: otherBrowser } = errorTitles;

describe('the pages between an authorization request and its code (OpenID Connect Core §3.1.2.3)', () => {
  const visit = new Visit();
  beforeAll(() => visit.open(), 60_000);
  afterAll(() => visit.server?.close());
  beforeEach(() => visit.anew());

  describe('in order', () => {
    it('asks for the name, then the password, then consent, and answers every credential with 303 (RFC 9110 §15.4.4)', async () => {
      const name = await visit.begin();
      expect(nameOf(name)).toBe('identifier');
      const named = await send(visit.browser, `${baseOf(name)}/login`, { csrf: csrfOf(name), username: visit.email });
      expect([named.status, named.headers.get('location')]).toEqual([303, new URL(baseOf(name)).pathname]);
      const ask = await visit.browser.open(baseOf(name));
      expect(nameOf(ask)).toBe('password');
      expect(ask.html).toContain(visit.email);
      const proved = await send(visit.browser, `${baseOf(name)}/login`, {
        csrf: csrfOf(ask),
        username: visit.email,
        password,
      });
      expect([proved.status, proved.headers.get('location')]).toEqual([303, new URL(baseOf(name)).pathname]);
      expect(proved.headers.get('cache-control')).toBe('no-store');
      const consent = await visit.browser.open(baseOf(name));
      expect(nameOf(consent)).toBe('consent');
      const agreed = await send(visit.browser, `${baseOf(consent)}/consent`, {
        csrf: csrfOf(consent),
        decision: 'allow',
      });
      expect(agreed.status).toBe(303);
      codeOf(await visit.browser.open(new URL(String(agreed.headers.get('location')), visit.server.issuer).href));
    });

    it('takes name and password in one form, whatever the layout', async () => {
      expect(nameOf(await visit.browser.submit(await visit.begin(), { username: visit.email, password }))).toBe(
        'consent',
      );
    });

    it('goes back to the name by "Not you?", and on with the other name', async () => {
      const other = (await makePerson(visit.server)).email;
      const ask = await visit.atPassword();
      const back = /href="([^"]*\?identify)"/.exec(ask.html)?.[1] ?? '';
      const name = await visit.browser.open(new URL(back, visit.server.issuer).href);
      expect(nameOf(name)).toBe('identifier');
      const next = await visit.browser.submit(name, { username: other });
      expect(nameOf(next)).toBe('password');
      expect(next.html).toContain(other);
      expect(next.html).not.toContain(visit.email);
    });

    it('stores no page, lets nobody frame it, and lets its form lead to this client only', async () => {
      for (const reach of Object.values(visit.at)) {
        visit.browser = new Browser();
        const { headers } = await reach();
        expect(headers.get('cache-control')).toBe('no-store');
        expect(headers.get('referrer-policy')).toBe('no-referrer');
        const csp = String(headers.get('content-security-policy'));
        expect(csp).toContain(`frame-ancestors 'none'`);
        expect(csp).toMatch(/form-action 'self' https:\/\/rp\.example(;|$)/);
        expect(csp).not.toContain('unsafe-inline');
      }
    });

    it('keeps its cookies from scripts, other sites and other paths', async () => {
      const url = authorizationUrl(visit.server, visit.party, pkce());
      const first = await visit.browser.request(url);
      const uid = String(first.headers.get('location')).split('/').pop();
      const lines = first.headers.getSetCookie();
      const interaction = lines.find((line) => line.startsWith('ostiary_interaction='));
      const resume = lines.find((line) => line.startsWith('ostiary_resume='));
      expect(interaction).toContain(`path=/interaction/${uid}`);
      expect(resume).toContain(`path=/authorize/${uid}`);
      await signIn(visit.browser, url, visit.email);
      for (const line of lines) {
        expect(line.toLowerCase()).toMatch(/; httponly/);
        expect(line.toLowerCase()).toMatch(/; samesite=lax/);
        expect(line.toLowerCase()).not.toContain('secure');
      }
      const again = await visit.browser.open(authorizationUrl(visit.server, visit.party, pkce(), { prompt: 'login' }));
      const login = await send(visit.browser, `${baseOf(again)}/login`, {
        csrf: csrfOf(again),
        username: visit.email,
        password,
      });
      expect(login.status).toBe(303);
      const finish = await visit.browser.request(baseOf(again));
      const resumed = await visit.browser.request(String(finish.headers.get('location')));
      const session = resumed.headers.getSetCookie().find((line) => line.startsWith('ostiary_default='));
      expect(session?.toLowerCase()).toMatch(/path=\/;.*samesite=lax; httponly/);
    });
  });

  describe('from elsewhere', () => {
    const attempts: [string, (page: Page) => Promise<Page>][] = [
      [
        'without a csrf token',
        (page) => send(visit.browser, `${baseOf(page)}/login`, { username: visit.email, password }),
      ],
      [
        'with a forged one',
        (page) =>
          send(visit.browser, `${baseOf(page)}/login`, {
            csrf: `${'A'.repeat(22)}.${'B'.repeat(43)}`,
            username: visit.email,
            password,
          }),
      ],
      [
        'with the one of another flow',
        async (page) =>
          send(visit.browser, `${baseOf(page)}/login`, {
            csrf: csrfOf(await visit.begin()),
            username: visit.email,
            password,
          }),
      ],
      [
        'from another origin',
        (page) =>
          send(
            visit.browser,
            `${baseOf(page)}/login`,
            { csrf: csrfOf(page), username: visit.email, password },
            { origin: 'https://evil.example' },
          ),
      ],
      [
        'from another site of the same browser',
        (page) =>
          send(
            visit.browser,
            `${baseOf(page)}/login`,
            { csrf: csrfOf(page), username: visit.email, password },
            { 'sec-fetch-site': 'cross-site' },
          ),
      ],
      [
        'from a sandboxed frame',
        (page) =>
          send(
            visit.browser,
            `${baseOf(page)}/login`,
            { csrf: csrfOf(page), username: visit.email, password },
            { origin: 'null' },
          ),
      ],
    ];
    it('lasts longer than the sign-in, and than a browser that is ended meanwhile (RFC 6265bis §4.1.2.2, Max-Age)', async () => {
      const page = await visit.begin();
      const [cookie = '', ...more] = page.headers.getSetCookie().filter((one) => one.includes('_browser_'));
      expect(more).toEqual([]);
      const [, expires = ''] = /expires=([^;]+)/i.exec(cookie) ?? [];
      expect(Date.parse(expires) - Date.now()).toBeGreaterThan(3600 * 1000);
    });

    it.each(attempts)('a form %s is refused with a kind page', async (_what, attempt) => {
      const page = await visit.begin();
      const answer = await attempt(page);
      expect([answer.status, titleOf(answer)]).toEqual([403, otherBrowser]);
      expect(nameOf(await visit.browser.open(baseOf(page)))).toBe('identifier');
      await visit.nobody();
    });

    it.each(['identifier', 'password', 'consent'])('%s in another visit.browser is over', async (step) => {
      const page = (await visit.at[step]?.()) as Page;
      const stranger = new Browser();
      const shown = await stranger.open(baseOf(page));
      expect([shown.status, titleOf(shown)]).toEqual([400, expired]);
      const sent = await send(stranger, `${baseOf(page)}/login`, {
        csrf: csrfOf(page),
        username: visit.email,
        password,
      });
      expect([sent.status, titleOf(sent)]).toEqual([400, expired]);
      const resumed = await stranger.open(resumeOf(page));
      expect(resumed.status).toBe(400);
      expect(await isSignedIn(visit.server, visit.party, stranger)).toBe(false);
      expect(nameOf(await visit.browser.open(baseOf(page)))).toBe(step);
    });

    describe('that another host of the domain has planted the cookies of (RFC 6265bis §4.1.3.2, __Host-)', () => {
      /** What such a host can set: everything that lies below a path. */
      const plant = (from: Browser, into: Browser) => {
        for (const [key, cookie] of from.cookies) if (cookie.path !== '/') into.cookies.set(key, cookie);
      };
      const planter = new Browser();
      const isPlanterIn = () => isSignedIn(visit.server, visit.party, planter);

      it('is finished by nobody but whoever proved who they are in it', async () => {
        const sent = await planter.request(authorizationUrl(visit.server, visit.party, pkce()));
        const address = new URL(sent.headers.get('location') ?? '', visit.server.issuer).href;
        plant(planter, visit.browser);
        const asked = await visit.browser.submit(await visit.browser.open(address), { username: visit.email });
        const proved = await send(visit.browser, `${address}/login`, { csrf: csrfOf(asked), password });
        expect(proved.status).toBe(303);
        expect((await planter.open(address)).status).toBe(400);
        const done = await visit.browser.request(address);
        expect([done.status, done.headers.get('location')]).toEqual([303, expect.stringContaining('/authorize/')]);
        expect((await planter.open(resumeOf({ ...asked, url: address }))).status).toBe(400);
        expect(await isPlanterIn()).toBe(false);
        expect(nameOf(await visit.browser.open(resumeOf({ ...asked, url: address })))).toBe('consent');
      });

      it('and has begun to use, is none where it was planted', async () => {
        const named = await planter.submit(await visit.begin({}, planter), { username: visit.email });
        plant(planter, visit.browser);
        const shown = await visit.browser.open(baseOf(named));
        expect([shown.status, titleOf(shown)]).toEqual([400, expired]);
        expect(nameOf(await planter.open(baseOf(named)))).toBe('password');
      });
    });

    it('a cookie with one letter changed is no cookie', async () => {
      const page = await visit.begin();
      for (const [key, cookie] of visit.browser.cookies)
        if (cookie.name === 'ostiary_interaction')
          visit.browser.cookies.set(key, { ...cookie, value: `${cookie.value}x` });
      expect((await visit.browser.open(baseOf(page))).status).toBe(400);
    });

    it('a form that is too large, or none, is refused with a page', async () => {
      const page = await visit.begin();
      const large = await send(visit.browser, `${baseOf(page)}/login`, {
        csrf: csrfOf(page),
        username: 'x'.repeat(20_000),
      });
      expect([large.status, nameOf(large)]).toEqual([413, 'error']);
      const json = await visit.browser.request(`${baseOf(page)}/login`, {
        method: 'POST',
        body: JSON.stringify({ csrf: csrfOf(page), username: visit.email, password }),
        headers: { 'content-type': 'application/json', origin: visit.server.issuer },
      });
      expect(json.status).toBe(403);
      await visit.nobody();
    });

    it('has no page under another case, with a slash more, or for an unknown flow', async () => {
      const base = baseOf(await visit.begin());
      for (const address of [`${base}/`, base.replace('/interaction/', '/Interaction/')])
        expect([address, (await visit.browser.open(address)).status]).toEqual([address, 404]);
      expect((await visit.browser.open(`${visit.server.issuer}/interaction/unknown`)).status).toBe(400);
    });

    it('is over once the interaction is', async () => {
      const page = await visit.atPassword();
      const uid = baseOf(page).split('/').pop() as string;
      await visit.server.inside(({ protocol }) => protocol.rows.destroy(new ProtocolRequest(), 'Interaction', uid));
      const shown = await visit.browser.open(baseOf(page));
      expect([shown.status, titleOf(shown)]).toEqual([400, expired]);
      expect(shown.html).toMatch(/reference <\w+[^>]*>[0-9a-f-]{36}/);
      const sent = await send(visit.browser, `${baseOf(page)}/login`, {
        csrf: csrfOf(page),
        username: visit.email,
        password,
      });
      expect([sent.status, titleOf(sent)]).toEqual([400, expired]);
      await visit.nobody();
    });
  });
});
