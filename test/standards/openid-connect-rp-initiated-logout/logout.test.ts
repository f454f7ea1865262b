import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page, readForm } from '../../support/browser.js';
import { isSignedIn, nameOf, send, silently, titleOf } from '../../support/journey.js';
import {
  authorizationUrl,
  introspect,
  makeClient,
  makePerson,
  type Party,
  pkce,
  refresh,
  signIn,
  tokensFor,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const bye = 'https://rp.example/bye';
type Tokens = Awaited<ReturnType<typeof tokensFor>>;

describe('signing out at the request of a client (OpenID Connect RP-Initiated Logout 1.0)', () => {
  let server: TestServer;
  let party: Party;
  let other: Party;
  let browser: Browser;
  let person: { id: string; email: string };
  let tokens: Tokens;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { post_logout_redirect_uris: [bye] });
    other = await makeClient(server, { client_name: 'Second Client' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    browser = new Browser();
    person = await makePerson(server);
    tokens = await tokensFor(server, party, person.email, {}, browser);
  });

  const logout = (params: Record<string, string>, who = browser) =>
    who.open(`${server.issuer}/logout?${new URLSearchParams(params)}`);
  const ask = (more: Record<string, string> = {}) => logout({ client_id: party.clientId, ...more });
  const signedIn = (who = browser) => isSignedIn(server, party, who);
  const active = async (whose: Tokens, at = party) =>
    (await introspect(server, at, String(whose.access_token))).body.active as unknown;

  const ends = async () => {
    expect(await signedIn()).toBe(false);
    expect(await active(tokens)).toBe(false);
    expect((await refresh(server, party, String(tokens.refresh_token))).body.error).toBe('invalid_grant');
  };
  const goesOn = async () => {
    expect(await signedIn()).toBe(true);
    expect(await active(tokens)).toBe(true);
  };

  it('asks first, says for whom, then ends session and tokens and sends the browser back with its state', async () => {
    const page = await ask({ post_logout_redirect_uri: bye, state: 'abc &%' });
    expect(page.status).toBe(200);
    expect(page.html).toContain('Trip Planner');
    expect(page.html).toContain(person.email);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(String(page.headers.get('content-security-policy'))).toMatch(
      /form-action 'self' https:\/\/rp\.example(;|$)/,
    );
    await goesOn();

    const done = await browser.submit(page, { logout: 'yes' });
    expect(done.url.startsWith(`${bye}?`)).toBe(true);
    expect(Object.fromEntries(new URL(done.url).searchParams)).toEqual({ state: 'abc &%' });
    await ends();
    const ended = await server.inside(({ db }) =>
      db.manager.query(`SELECT data FROM audit_events WHERE name = 'session.ended' AND data ->> 'user_id' = $1`, [
        person.id,
      ]),
    );
    expect(ended).toHaveLength(1);
  });

  it('does not ask where a valid id_token_hint names the person who is signed in; one button where scripts are off', async () => {
    const page = await logout({ id_token_hint: String(tokens.id_token), post_logout_redirect_uri: bye });
    expect(page.html).toContain('id="form-post"');
    expect(page.html).not.toContain('logout-stay');
    await goesOn();
    expect((await browser.submit(page, {})).url).toBe(bye);
    await ends();
  });

  it('asks where the id_token_hint is of another person than the one who is signed in', async () => {
    const hint = String((await tokensFor(server, party, (await makePerson(server)).email)).id_token);
    const page = await logout({ id_token_hint: hint });
    expect(page.html).toContain('logout-stay');
    await goesOn();
  });

  it('takes the request as a form too (§2: GET and POST)', async () => {
    const page = await browser.open(`${server.issuer}/logout`, {
      method: 'POST',
      body: new URLSearchParams({ id_token_hint: String(tokens.id_token), post_logout_redirect_uri: bye }),
      headers: { origin: 'https://rp.example' },
    });
    expect(page.status).toBe(200);
    expect((await browser.submit(page, { logout: 'yes' })).url).toBe(bye);
    await ends();
  });

  it('works without id_token_hint, and without any client', async () => {
    const page = await logout({});
    expect(page.html).toContain('name="xsrf"');
    const done = await browser.submit(page, { logout: 'yes' });
    expect([done.status, done.url]).toEqual([200, `${server.issuer}/logout/success`]);
    await ends();
  });

  it('returns to an address that is registered for the client named, and to none without a client', async () => {
    const named = await logout({ client_id: party.clientId, post_logout_redirect_uri: bye });
    expect((await browser.submit(named, { logout: 'yes' })).url).toBe(bye);
    const nameless = await logout({ post_logout_redirect_uri: 'https://evil.example/' }, new Browser());
    expect(nameless.html).not.toContain('evil.example');
    expect(String(nameless.headers.get('content-security-policy'))).not.toContain('evil.example');
  });

  it.each([
    'https://evil.example/bye',
    'https://rp.example/bye/',
    'https://rp.example/BYE',
    'https://rp.example/bye?next=1',
    'https://rp.example/bye#x',
    'https://rp.example:443/bye',
    'http://rp.example/bye',
    'https://rp.example@evil.example/bye',
    '//rp.example/bye',
    '/bye',
    'javascript:alert(1)',
    'https://rp.example/cb',
  ])('refuses post_logout_redirect_uri %s with a page, and leads nowhere (no open redirect)', async (uri) => {
    const page = await ask({ post_logout_redirect_uri: uri });
    expect([page.status, page.url.startsWith(server.issuer), nameOf(page)]).toEqual([400, true, 'error']);
    expect(page.headers.get('location')).toBeNull();
    await goesOn();
  });

  it('refuses a hint that is forged, of another client, or unsigned', async () => {
    const [header = '', payload = ''] = String(tokens.id_token).split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify({ ...claims, aud: other.clientId })).toString('base64url');
    const attempts: Record<string, string>[] = [
      { id_token_hint: 'nonsense' },
      { id_token_hint: `${none}.${payload}.` },
      { id_token_hint: `${header}.${forged}.${String(tokens.id_token).split('.')[2]}` },
      { id_token_hint: String(tokens.id_token), client_id: other.clientId },
      { client_id: 'nobody' },
    ];
    for (const attempt of attempts) {
      const page = await logout({ ...attempt, post_logout_redirect_uri: bye });
      expect([page.status, nameOf(page)]).toEqual([400, 'error']);
    }
    await goesOn();
  });

  it('needs no question without a session: a page that sends itself, by a script of ours', async () => {
    const stranger = new Browser();
    const page = await logout(
      { id_token_hint: String(tokens.id_token), post_logout_redirect_uri: bye, state: 's' },
      stranger,
    );
    expect(page.status).toBe(200);
    expect(page.html).not.toMatch(/<script>|onload=/);
    const csp = String(page.headers.get('content-security-policy'));
    expect(csp).toMatch(/form-action 'self' https:\/\/rp\.example(;|$)/);
    expect(csp).not.toContain('unsafe-inline');
    expect((await stranger.submit(page, {})).url).toBe(`${bye}?state=s`);
    await goesOn();
  });

  it('ends only what stands on the client when the person stays signed in', async () => {
    const elsewhere = await tokensFor(server, other, person.email, {}, browser);
    const page = await ask({ post_logout_redirect_uri: bye });
    expect((await browser.submit(page, {})).url).toBe(bye);
    expect(await signedIn()).toBe(true);
    expect(await active(tokens)).toBe(false);
    expect((await refresh(server, party, String(tokens.refresh_token))).body.error).toBe('invalid_grant');
    expect(await active(elsewhere, other)).toBe(true);
    expect((await silently(server, other, browser)).get('code')).toBeTruthy();
  });

  it('ends the tokens of every client of the session, but those with offline_access (OpenID Connect Core §11)', async () => {
    const elsewhere = await tokensFor(server, other, person.email, {}, browser);
    const offline = await makeClient(server);
    const lasting = await tokensFor(
      server,
      offline,
      person.email,
      { scope: 'openid offline_access', prompt: 'consent' },
      browser,
    );
    expect(String(lasting.scope).split(' ')).toContain('offline_access');
    await browser.submit(await ask(), { logout: 'yes' });
    await ends();
    expect(await active(elsewhere, other)).toBe(false);
    expect(await active(lasting, offline)).toBe(true);
    const next = await refresh(server, offline, String(lasting.refresh_token));
    expect(next.status).toBe(200);
    expect((await introspect(server, offline, String(next.body.access_token))).body.active).toBe(true);
  });

  it('leaves other browsers of the same person alone', async () => {
    const phone = new Browser();
    const there = await tokensFor(server, party, person.email, {}, phone);
    await browser.submit(await ask(), { logout: 'yes' });
    await ends();
    expect(await signedIn(phone)).toBe(true);
    expect(await active(there)).toBe(true);
  });

  it('is over for a cookie that was copied before', async () => {
    const copied = new Browser();
    for (const [key, cookie] of browser.cookies) copied.cookies.set(key, cookie);
    await browser.submit(await ask(), { logout: 'yes' });
    expect(await signedIn(copied)).toBe(false);
  });

  describe('the answer to the question', () => {
    const confirm = (fields: Record<string, string>, who = browser) =>
      send(who, `${server.issuer}/logout/confirm`, fields);
    const xsrf = (page: Page) => readForm(page).values.find(([name]) => name === 'xsrf')?.[1] ?? '';

    it.each([
      ['without its token', async () => ({ logout: 'yes' })],
      ['with a wrong one', async () => ({ xsrf: 'wrong', logout: 'yes' })],
      [
        'with that of another browser',
        async () => {
          const stranger = new Browser();
          await tokensFor(server, party, (await makePerson(server)).email, {}, stranger);
          return { xsrf: xsrf(await logout({}, stranger)), logout: 'yes' };
        },
      ],
    ])('is refused with a page: %s', async (_what, fields) => {
      await ask();
      const page = await confirm((await fields()) as Record<string, string>);
      expect([page.status, nameOf(page)]).toEqual([400, 'error']);
      await goesOn();
    });

    it('before the question was asked is refused', async () => {
      expect((await confirm({ xsrf: '', logout: 'yes' })).status).toBe(400);
      await goesOn();
    });

    it('is taken once', async () => {
      const page = await ask();
      await browser.submit(page, {});
      expect(await signedIn()).toBe(true);
      expect((await confirm({ xsrf: xsrf(page), logout: 'yes' })).status).toBe(400);
      expect(await signedIn()).toBe(true);
    });

    it('is no link', async () => {
      const page = await ask();
      const answer = await browser.request(`${server.issuer}/logout/confirm?xsrf=${xsrf(page)}&logout=yes`);
      expect(answer.status).toBe(404);
      await goesOn();
    });

    it('from another site is not the person', async () => {
      const page = await ask();
      await send(
        browser,
        `${server.issuer}/logout/confirm`,
        { xsrf: 'guess', logout: 'yes' },
        { origin: 'https://evil.example' },
      );
      await goesOn();
      await browser.submit(page, { logout: 'yes' });
      expect(titleOf(await logout({}, browser))).not.toBe('');
      await ends();
    });
  });

  describe('without a question (§2)', () => {
    const hinted = (hint: unknown) => logout({ id_token_hint: String(hint) });

    it('is not for a client that this session has never been used for', async () => {
      const elsewhere = await tokensFor(server, await makeClient(server), person.email);
      expect((await hinted(elsewhere.id_token)).html).toContain('logout-stay');
      expect(await signedIn()).toBe(true);
    });

    it('is not for a disabled client', async () => {
      const gone = await makeClient(server);
      const theirs = await tokensFor(server, gone, person.email, {}, browser);
      await server.inside(async ({ clients }) => clients.disable(await clients.find(gone.clientId)));
      expect((await hinted(theirs.id_token)).status).toBe(400);
      expect(await signedIn()).toBe(true);
    });
  });

  it('refuses a parameter given twice (RFC 6749 §3.1)', async () => {
    const twice = `post_logout_redirect_uri=${encodeURIComponent(bye)}&post_logout_redirect_uri=${encodeURIComponent('https://evil.example')}`;
    const page = await browser.open(`${server.issuer}/logout?client_id=${party.clientId}&${twice}`);
    expect(page.status).toBe(400);
    await goesOn();
  });

  it('keeps an authorization that was under way from signing the person in again', async () => {
    const page = await browser.open(authorizationUrl(server, party, pkce(), { prompt: 'consent' }));
    expect(nameOf(page)).toBe('consent');
    await browser.submit(await ask(), { logout: 'yes' });
    const late = await browser.submit(page, { decision: 'allow' });
    expect(late.url).not.toContain('code=');
    expect(await signedIn()).toBe(false);
    expect((await signIn(browser, authorizationUrl(server, party, pkce()), person.email)).url).toContain('code=');
  });
});
