import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { Browser, type Page } from '../support/browser.js';
import {
  baseOf,
  csrfOf,
  errorTitles,
  giveNameAndPassword,
  isSignedIn,
  nameOf,
  resumeOf,
  send,
  silently,
  titleOf,
  withoutNonces,
} from '../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  redeem,
  signIn,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const { expired, other_browser: otherBrowser } = errorTitles;

describe('the pages between an authorization request and its code (OpenID Connect Core §3.1.2.3)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server);
  }, 60_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    email = (await makePerson(server)).email;
    browser = new Browser();
  });

  const begin = (more: Record<string, string> = {}, who = browser) =>
    who.open(authorizationUrl(server, party, pkce(), more));
  const atPassword = async () => browser.submit(await begin(), { username: email });
  const atConsent = async () => giveNameAndPassword(browser, await begin(), email);
  const at: Record<string, () => Promise<Page>> = { identifier: begin, password: atPassword, consent: atConsent };
  const nobody = async () => expect(await isSignedIn(server, party, browser)).toBe(false);

  describe('in order', () => {
    it('asks for the name, then the password, then consent, and answers every credential with 303 (RFC 9110 §15.4.4)', async () => {
      const name = await begin();
      expect(nameOf(name)).toBe('identifier');
      const named = await send(browser, `${baseOf(name)}/login`, { csrf: csrfOf(name), username: email });
      expect([named.status, named.headers.get('location')]).toEqual([303, new URL(baseOf(name)).pathname]);
      const ask = await browser.open(baseOf(name));
      expect(nameOf(ask)).toBe('password');
      expect(ask.html).toContain(email);
      const proved = await send(browser, `${baseOf(name)}/login`, { csrf: csrfOf(ask), username: email, password });
      expect([proved.status, proved.headers.get('location')]).toEqual([303, new URL(baseOf(name)).pathname]);
      expect(proved.headers.get('cache-control')).toBe('no-store');
      const consent = await browser.open(baseOf(name));
      expect(nameOf(consent)).toBe('consent');
      const agreed = await send(browser, `${baseOf(consent)}/consent`, { csrf: csrfOf(consent), decision: 'allow' });
      expect(agreed.status).toBe(303);
      codeOf(await browser.open(new URL(String(agreed.headers.get('location')), server.issuer).href));
    });

    it('takes name and password in one form, whatever the layout', async () => {
      expect(nameOf(await browser.submit(await begin(), { username: email, password }))).toBe('consent');
    });

    it('goes back to the name by "Not you?", and on with the other name', async () => {
      const other = (await makePerson(server)).email;
      const ask = await atPassword();
      const back = /href="([^"]*\?identify)"/.exec(ask.html)?.[1] ?? '';
      const name = await browser.open(new URL(back, server.issuer).href);
      expect(nameOf(name)).toBe('identifier');
      const next = await browser.submit(name, { username: other });
      expect(nameOf(next)).toBe('password');
      expect(next.html).toContain(other);
      expect(next.html).not.toContain(email);
    });

    it('stores no page, lets nobody frame it, and lets its form lead to this client only', async () => {
      for (const reach of Object.values(at)) {
        browser = new Browser();
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
      const url = authorizationUrl(server, party, pkce());
      const first = await browser.request(url);
      const uid = String(first.headers.get('location')).split('/').pop();
      const lines = first.headers.getSetCookie();
      const interaction = lines.find((line) => line.startsWith('ostiary_interaction='));
      const resume = lines.find((line) => line.startsWith('ostiary_resume='));
      expect(interaction).toContain(`path=/interaction/${uid}`);
      expect(resume).toContain(`path=/authorize/${uid}`);
      await signIn(browser, url, email);
      for (const line of lines) {
        expect(line.toLowerCase()).toMatch(/; httponly/);
        expect(line.toLowerCase()).toMatch(/; samesite=lax/);
        expect(line.toLowerCase()).not.toContain('secure');
      }
      const again = await browser.open(authorizationUrl(server, party, pkce(), { prompt: 'login' }));
      const login = await send(browser, `${baseOf(again)}/login`, { csrf: csrfOf(again), username: email, password });
      expect(login.status).toBe(303);
      const finish = await browser.request(baseOf(again));
      const resumed = await browser.request(String(finish.headers.get('location')));
      const session = resumed.headers.getSetCookie().find((line) => line.startsWith('ostiary_default='));
      expect(session?.toLowerCase()).toMatch(/path=\/;.*samesite=lax; httponly/);
    });
  });

  describe('out of order', () => {
    it.each([
      ['identifier', ['consent', 'change_password', 'select_account', 'finish', 'nonsense', '__proto__']],
      ['password', ['consent', 'change_password', 'select_account', 'finish']],
      ['consent', ['login', 'change_password', 'select_account', 'finish']],
    ])('at %s every other step leads back without progress', async (step, others) => {
      const page = (await at[step]?.()) as Page;
      for (const other of others) {
        const fields = {
          csrf: csrfOf(page),
          decision: 'allow',
          username: email,
          password: 'a good long password',
          account: 'other',
        };
        const answer = await send(browser, `${baseOf(page)}/${other}`, fields);
        expect([other, answer.status, answer.headers.get('location')]).toEqual([
          other,
          303,
          new URL(baseOf(page)).pathname,
        ]);
        expect(nameOf(await browser.open(baseOf(page)))).toBe(step);
      }
      if (step !== 'consent') await nobody();
    });

    it.each(['identifier', 'password', 'consent'])('at %s an empty form makes no progress', async (step) => {
      const page = (await at[step]?.()) as Page;
      const { action } = { action: `${baseOf(page)}/${step === 'consent' ? 'consent' : 'login'}` };
      const empty = await send(browser, action, { csrf: csrfOf(page) });
      expect([303, 422]).toContain(empty.status);
      expect(nameOf(await browser.open(baseOf(page)))).toBe(step);
      if (step !== 'consent') await nobody();
    });

    it('says which field is missing and keeps what was typed', async () => {
      const page = await begin();
      const noName = await browser.submit(page, { username: '' });
      expect([noName.status, nameOf(noName)]).toEqual([422, 'identifier']);
      expect(noName.html).toContain('Your e-mail is missing.');
      const noPassword = await browser.submit(await atPassword(), { password: '' });
      expect([noPassword.status, nameOf(noPassword)]).toEqual([422, 'password']);
      expect(noPassword.html).toContain(email);
    });

    it('takes each form once: the back button after the sign-in signs nobody in again', async () => {
      const page = await atPassword();
      await signIn(browser, baseOf(page), email);
      await server.inside(async ({ protocol, users }) => {
        const user = await users.findByEmail(email);
        await protocol.sessions.endAll(String(user?.id), 'revoked');
      });
      const again = await send(browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), username: email, password });
      expect([again.status, titleOf(again)]).toEqual([400, expired]);
      await nobody();
    });

    it('sends the same form twice to the same place', async () => {
      const page = await atPassword();
      const fields = { csrf: csrfOf(page), username: email, password };
      const answers = [];
      for (let time = 0; time < 2; time += 1) answers.push(await send(browser, `${baseOf(page)}/login`, fields));
      expect(answers.map(({ status }) => status)).toEqual([303, 303]);
      expect(nameOf(await browser.open(baseOf(page)))).toBe('consent');
    });

    it('takes a name sent twice as sent once: nobody is told that a password is missing which was not asked for', async () => {
      const page = await begin();
      const named = { csrf: csrfOf(page), username: email };
      const answers = [];
      for (let time = 0; time < 2; time += 1) answers.push(await send(browser, `${baseOf(page)}/login`, named));
      expect(answers.map(({ status }) => status)).toEqual([303, 303]);
    });

    it('gives consent once: the form sent again gives no second code', async () => {
      const page = await atConsent();
      const allow = () => send(browser, `${baseOf(page)}/consent`, { csrf: csrfOf(page), decision: 'allow' });
      const first = await allow();
      codeOf(await browser.open(new URL(String(first.headers.get('location')), server.issuer).href));
      const second = await allow();
      expect([second.status, titleOf(second)]).toEqual([400, expired]);
    });

    it.each(['identifier', 'password', 'consent'])(
      'at %s the resume address signs nobody in and gives no code',
      async (step) => {
        const page = (await at[step]?.()) as Page;
        const resumed = await browser.open(resumeOf(page));
        expect(nameOf(resumed)).toBe(step);
        expect(resumed.url).not.toContain('code=');
        if (step !== 'consent') await nobody();
      },
    );

    it('after the right password the resume address alone signs nobody in', async () => {
      const page = await atPassword();
      await send(browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), username: email, password });
      await nobody();
      const resumed = await browser.request(resumeOf(page));
      expect(resumed.headers.get('location')).toMatch(/\/interaction\//);
      await nobody();
    });
  });

  describe('from elsewhere', () => {
    const attempts: [string, (page: Page) => Promise<Page>][] = [
      ['without a csrf token', (page) => send(browser, `${baseOf(page)}/login`, { username: email, password })],
      [
        'with a forged one',
        (page) =>
          send(browser, `${baseOf(page)}/login`, {
            csrf: `${'A'.repeat(22)}.${'B'.repeat(43)}`,
            username: email,
            password,
          }),
      ],
      [
        'with the one of another flow',
        async (page) =>
          send(browser, `${baseOf(page)}/login`, { csrf: csrfOf(await begin()), username: email, password }),
      ],
      [
        'from another origin',
        (page) =>
          send(
            browser,
            `${baseOf(page)}/login`,
            { csrf: csrfOf(page), username: email, password },
            { origin: 'https://evil.example' },
          ),
      ],
      [
        'from another site of the same browser',
        (page) =>
          send(
            browser,
            `${baseOf(page)}/login`,
            { csrf: csrfOf(page), username: email, password },
            { 'sec-fetch-site': 'cross-site' },
          ),
      ],
      [
        'from a sandboxed frame',
        (page) =>
          send(browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), username: email, password }, { origin: 'null' }),
      ],
    ];
    it.each(attempts)('a form %s is refused with a kind page', async (_what, attempt) => {
      const page = await begin();
      const answer = await attempt(page);
      expect([answer.status, titleOf(answer)]).toEqual([403, otherBrowser]);
      expect(nameOf(await browser.open(baseOf(page)))).toBe('identifier');
      await nobody();
    });

    it.each(['identifier', 'password', 'consent'])('%s in another browser is over', async (step) => {
      const page = (await at[step]?.()) as Page;
      const stranger = new Browser();
      const shown = await stranger.open(baseOf(page));
      expect([shown.status, titleOf(shown)]).toEqual([400, expired]);
      const sent = await send(stranger, `${baseOf(page)}/login`, { csrf: csrfOf(page), username: email, password });
      expect([sent.status, titleOf(sent)]).toEqual([400, expired]);
      const resumed = await stranger.open(resumeOf(page));
      expect(resumed.status).toBe(400);
      expect(await isSignedIn(server, party, stranger)).toBe(false);
      expect(nameOf(await browser.open(baseOf(page)))).toBe(step);
    });

    it('a cookie with one letter changed is no cookie', async () => {
      const page = await begin();
      for (const [key, cookie] of browser.cookies)
        if (cookie.name === 'ostiary_interaction') browser.cookies.set(key, { ...cookie, value: `${cookie.value}x` });
      expect((await browser.open(baseOf(page))).status).toBe(400);
    });

    it('a form that is too large, or none, is refused with a page', async () => {
      const page = await begin();
      const large = await send(browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), username: 'x'.repeat(20_000) });
      expect([large.status, nameOf(large)]).toEqual([413, 'error']);
      const json = await browser.request(`${baseOf(page)}/login`, {
        method: 'POST',
        body: JSON.stringify({ csrf: csrfOf(page), username: email, password }),
        headers: { 'content-type': 'application/json', origin: server.issuer },
      });
      expect(json.status).toBe(403);
      await nobody();
    });

    it('has no page under another case, with a slash more, or for an unknown flow', async () => {
      const base = baseOf(await begin());
      for (const address of [`${base}/`, base.replace('/interaction/', '/Interaction/')])
        expect([address, (await browser.open(address)).status]).toEqual([address, 404]);
      expect((await browser.open(`${server.issuer}/interaction/unknown`)).status).toBe(400);
    });

    it('is over once the interaction is', async () => {
      const page = await atPassword();
      const uid = baseOf(page).split('/').pop() as string;
      await server.inside(({ protocol }) => protocol.rows.destroy(new ProtocolRequest(), 'Interaction', uid));
      const shown = await browser.open(baseOf(page));
      expect([shown.status, titleOf(shown)]).toEqual([400, expired]);
      expect(shown.html).toMatch(/reference <\w+[^>]*>[0-9a-f-]{36}/);
      const sent = await send(browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), username: email, password });
      expect([sent.status, titleOf(sent)]).toEqual([400, expired]);
      await nobody();
    });
  });

  describe('a password that is not right', () => {
    it('is answered 422 on the same form, without the password in it', async () => {
      const page = await browser.submit(await atPassword(), { password: 'wrong password 1' });
      expect([page.status, nameOf(page)]).toEqual([422, 'password']);
      expect(page.html).toContain('That e-mail and password do not go together.');
      expect(page.html).toContain(email);
      expect(page.html).not.toContain('wrong password 1');
      await nobody();
      expect(nameOf(await browser.submit(page, { password }))).toBe('consent');
    });

    it('looks the same for a person, a stranger and somebody disabled (no enumeration)', async () => {
      const disabled = await makePerson(server);
      await server.inside(({ users }) => users.disable(disabled));
      const bodies = [];
      for (const [name, secret] of [
        [email, 'wrong password 1'],
        ['maria-nobody@example.com', 'wrong password 1'],
        [disabled.email, 'wrong password 1'],
        [disabled.email, password],
      ] as const) {
        browser = new Browser();
        const ask = await browser.submit(await begin(), { username: name });
        const answer = await browser.submit(ask, { password: secret });
        bodies.push([ask, answer].map((page) => `${page.status} ${withoutNonces(page).replaceAll(name, '…')}`));
        await nobody();
      }
      for (const body of bodies) expect(body).toEqual(bodies[0]);
    });

    it('after five tries pauses the account, for a stranger too, and the right password does not help', async () => {
      const pages = [];
      for (const name of [email, `maria-none${Math.random()}@example.com`]) {
        browser = new Browser();
        let page = await browser.submit(await begin(), { username: name });
        for (let tries = 0; tries < 5; tries += 1) page = await browser.submit(page, { password: 'wrong password 1' });
        page = await browser.submit(page, { password });
        expect([page.status, nameOf(page)]).toEqual([422, 'password']);
        expect(page.html).toContain('Signing in is paused after several wrong tries.');
        pages.push(withoutNonces(page).replaceAll(name, '…'));
        await nobody();
      }
      expect(pages[1]).toBe(pages[0]);
    });
  });

  it('takes the authorization request as a form too (OpenID Connect Core §3.1.2.1)', async () => {
    const url = new URL(authorizationUrl(server, party, pkce()));
    const page = await browser.open(`${server.issuer}/authorize`, {
      method: 'POST',
      body: url.searchParams,
      headers: { origin: 'https://rp.example' },
    });
    expect(nameOf(page)).toBe('identifier');
    codeOf(await signIn(browser, page.url, email));
  });

  describe('what the request asks for (OpenID Connect Core §3.1.2.1)', () => {
    it('login_hint fills in the name, and is not trusted as markup', async () => {
      expect((await begin({ login_hint: email })).html).toContain(`value="${email}"`);
      expect((await begin({ login_hint: '"><script>alert(1)</script>' })).html).not.toContain('<script>alert');
    });

    it('prompt=none answers login_required, then consent_required, then a code', async () => {
      expect((await silently(server, party, browser)).get('error')).toBe('login_required');
      const page = await atConsent();
      expect((await silently(server, party, browser)).get('error')).toBe('consent_required');
      await browser.submit(page, { decision: 'allow' });
      const answer = await silently(server, party, browser);
      expect([answer.get('error'), typeof answer.get('code'), answer.get('iss')]).toEqual([
        null,
        'string',
        server.issuer,
      ]);
    });

    it('prompt=none with another prompt is refused', async () => {
      expect((await silently(server, party, browser, { prompt: 'none login' })).get('error')).toBe('invalid_request');
    });

    it('prompt=login asks who is signed in already, and giving up changes nothing', async () => {
      await signIn(browser, authorizationUrl(server, party, pkce()), email);
      const page = await begin({ prompt: 'login' });
      expect(nameOf(page)).toBe('identifier');
      expect(page.html).toContain(`value="${email}"`);
      expect(await isSignedIn(server, party, browser)).toBe(true);
      const wrong = await browser.submit(page, { username: email, password: 'wrong password 1' });
      expect(wrong.status).toBe(422);
      expect(await isSignedIn(server, party, browser)).toBe(true);
      codeOf(await browser.submit(wrong, { password }));
    });

    it('prompt=consent asks again what was allowed before', async () => {
      await signIn(browser, authorizationUrl(server, party, pkce()), email);
      const page = await begin({ prompt: 'consent' });
      expect(nameOf(page)).toBe('consent');
      codeOf(await browser.submit(page, { decision: 'allow' }));
    });

    it('prompt=select_account with nobody signed in asks for the name', async () => {
      expect(nameOf(await begin({ prompt: 'select_account' }))).toBe('identifier');
    });

    it('max_age asks again when the sign-in is older, and auth_time says when it was', async () => {
      const user = await makePerson(server);
      await signIn(browser, authorizationUrl(server, party, pkce()), user.email);
      codeOf(await begin({ max_age: '1000' }));
      await server.inside(({ db }) =>
        db.manager.query(
          `UPDATE sessions SET login_ts = login_ts - 2000, payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::int - 2000))
            WHERE account_id = $1`,
          [user.id],
        ),
      );
      const proof = pkce();
      const page = await browser.open(authorizationUrl(server, party, proof, { max_age: '1000' }));
      expect(nameOf(page)).toBe('identifier');
      expect((await silently(server, party, browser, { max_age: '1000' })).get('error')).toBe('login_required');
      const before = Math.floor(Date.now() / 1000);
      const code = codeOf(await giveNameAndPassword(browser, page, user.email));
      const { auth_time } = decodeJwt(String((await redeem(server, party, code, proof)).body.id_token));
      expect(Number(auth_time)).toBeGreaterThanOrEqual(before);
    });

    it.each([
      ['de', 'lang="de"'],
      ['ar', 'dir="rtl"'],
      ['xx fr de', 'lang="de"'],
      ['xx', 'lang="en"'],
    ])('ui_locales=%s chooses the language', async (locales, expected) => {
      expect((await begin({ ui_locales: locales })).html).toContain(expected);
    });

    it.each(['page', 'popup', 'touch', 'wap'])('display=%s is accepted', async (display) => {
      expect(nameOf(await begin({ display }))).toBe('identifier');
    });

    it('says no to the client when the person does, and they stay signed in (RFC 6749 §4.1.2.1)', async () => {
      const page = await browser.submit(await atConsent(), { decision: 'deny' });
      const answer = new URL(page.url).searchParams;
      expect(page.url).toMatch(/^https:\/\/rp\.example\/cb\?/);
      expect([answer.get('error'), answer.get('iss'), answer.get('code')]).toEqual([
        'access_denied',
        server.issuer,
        null,
      ]);
      expect(answer.get('state')).toMatch(/^[0-9a-f]{16}$/);
      expect(await isSignedIn(server, party, browser)).toBe(true);
      expect(nameOf(await begin())).toBe('consent');
    });
  });

  describe('a password that somebody else has set', () => {
    beforeEach(() =>
      server.inside(async ({ users, passwords }) => {
        const user = await users.findByEmail(email);
        await passwords.set(user as never, password, { mustChange: true });
      }),
    );

    it('is replaced before the sign-in, and no other way leads past it', async () => {
      const page = await atConsent();
      expect(nameOf(page)).toBe('change_password');
      await nobody();
      for (const step of ['consent', 'login', 'finish', 'select_account']) {
        await send(browser, `${baseOf(page)}/${step}`, {
          csrf: csrfOf(page),
          username: email,
          password,
          decision: 'allow',
        });
        expect(nameOf(await browser.open(baseOf(page)))).toBe('change_password');
      }
      const resumed = await browser.open(resumeOf(page));
      expect(nameOf(resumed)).toBe('change_password');
      await nobody();
      expect(nameOf(await browser.open(`${baseOf(resumed)}?identify`))).toBe('change_password');

      const next = await browser.submit(resumed, { password: 'another good passphrase' });
      expect(nameOf(next)).toBe('consent');
      browser = new Browser();
      expect((await giveNameAndPassword(browser, await begin(), email)).status).toBe(422);
      expect(nameOf(await giveNameAndPassword(browser, await begin(), email, 'another good passphrase'))).toBe(
        'consent',
      );
    });

    it('is told how strong its successor is, to its own page only, and gets no further by asking', async () => {
      const page = await atConsent();
      const ask = (csrf: string) =>
        send(browser, `${baseOf(page)}/strength`, { csrf, password: 'a former walnut bridge' });
      expect((await ask('')).status).toBe(403);
      const answer = await ask(csrfOf(page));
      expect(answer.status).toBe(200);
      expect(nameOf(await browser.open(baseOf(page)))).toBe('change_password');
    });

    it.each([
      ['nothing', ''],
      ['a short one', 'short'],
      ['a common one', 'password1'],
      ['the same one', password],
    ])('is not replaced by %s', async (_what, chosen) => {
      const page = await browser.submit(await atConsent(), { password: chosen });
      expect([page.status, nameOf(page)]).toEqual([422, 'change_password']);
      await nobody();
    });
  });

  describe('on one page (sign_in_layout)', () => {
    const layout = (sign_in_layout: 'one_page' | 'two_pages') =>
      server.inside(async ({ tenants }) => {
        await tenants.update(await tenants.ensureDefault(), { settings: { sign_in_layout } });
      });
    beforeAll(() => layout('one_page'));
    afterAll(() => layout('two_pages'));

    it('asks for both, keeps the name after a mistake, and goes on', async () => {
      const page = await begin({ login_hint: email });
      expect(nameOf(page)).toBe('one_page');
      expect(page.html).toContain(`value="${email}"`);
      const wrong = await browser.submit(page, { username: email, password: 'wrong password 1' });
      expect([wrong.status, nameOf(wrong)]).toEqual([422, 'one_page']);
      expect(wrong.html).toContain(`value="${email}"`);
      const half = await browser.submit(wrong, { username: email, password: '' });
      expect([half.status, nameOf(half)]).toEqual([422, 'one_page']);
      expect(nameOf(await browser.submit(half, { username: email, password }))).toBe('consent');
    });
  });
});
