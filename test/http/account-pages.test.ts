import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { enter, formAt, wordsOf } from '../support/account.js';
import { Browser, type Page } from '../support/browser.js';
import { nameOf } from '../support/journey.js';
import {
  authorizationUrl,
  introspect,
  makeClient,
  makePerson,
  type Party,
  pkce,
  refresh,
  tokensFor,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const chrome =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';

/** A browser that says which one it is. */
class NamedBrowser extends Browser {
  constructor(private readonly name: string) {
    super();
  }
  override request(url: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('user-agent', this.name);
    return super.request(url, { ...init, headers });
  }
}

describe('the pages of the account', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let offset = 0;
  const clock = { now: () => new Date(Date.now() + offset) };

  beforeAll(async () => {
    server = await startServer({ overrides: { clock } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    offset = 0;
    person = await makePerson(server);
  });

  const open = (browser: Browser, path: string) => browser.open(`${server.issuer}/account${path}`);
  const submit = (browser: Browser, page: Page, action: string, holding = '', fields = {}) =>
    browser.submit(page, fields, formAt(page, action, holding));
  const claims = () => server.inside(async ({ users }) => (await users.find(person.id)).claims);
  const live = (email = person.email) =>
    server.inside(async ({ users, ownSessions }) => ownSessions.of((await users.findByEmail(email))?.id ?? ''));

  describe('profile', () => {
    const form = {
      name: 'Maria Silva',
      given_name: 'Maria',
      family_name: 'Silva',
      nickname: '',
      zoneinfo: 'Europe/Lisbon',
      locale: 'de',
    };

    it('keeps what the person says of themselves, and speaks their language from then on', async () => {
      const { browser, page } = await enter(server, person.email, '/profile');
      const saved = await submit(browser, page, '/account/profile', '', form);
      expect(saved.url).toBe(`${server.issuer}/account/profile?done=profile_saved`);
      expect(wordsOf(saved)).toContain('Ihr Profil ist gespeichert.');
      const { nickname, ...said } = form;
      expect(await claims()).toEqual(said);
      expect(saved.html).toContain('value="Maria Silva"');
      expect(saved.html).toMatch(/<option selected>Europe\/Lisbon/);
    });

    it('an empty field takes a claim away; what others say about the person stays', async () => {
      await server.inside(async ({ users }) =>
        users.update(await users.find(person.id), { claims: { nickname: 'M', phone_number: '+351911111111' } }),
      );
      const { browser, page } = await enter(server, person.email, '/profile');
      await submit(browser, page, '/account/profile', '', {
        ...form,
        nickname: ' ',
        phone_number: '+1000000000',
        email: 'mallory@example.com',
        email_verified: 'true',
        roles: 'ADMIN',
      });
      const user = await server.inside(({ users }) => users.find(person.id));
      expect(user.claims).toMatchObject({ phone_number: '+351911111111', name: 'Maria Silva' });
      expect(user.claims).not.toHaveProperty('nickname');
      expect([user.email, user.roles]).toEqual([person.email, []]);
    });

    it.each([
      ['nickname', 'a\u202eb'],
      ['name', 'x'.repeat(201)],
      ['zoneinfo', 'Mars/Olympus'],
      ['locale', 'tlh'],
      ['locale', '"><script>'],
    ])('asks again with the form kept where %s is %j', async (field, value) => {
      const { browser, page } = await enter(server, person.email, '/profile');
      const answer = await submit(browser, page, '/account/profile', '', { ...form, locale: '', [field]: value });
      expect(answer.status).toBe(422);
      expect(answer.html).toContain('value="Silva"');
      expect(answer.html).not.toContain('"><script>');
      expect(answer.html).toMatch(/class="summary" role="alert"/);
      expect((await claims()).name).toBe('Maria Muster');
    });

    it('shows as text what is markup', async () => {
      const { browser, page } = await enter(server, person.email, '/profile');
      const name = '"><img src=x onerror=alert(1)>';
      for (const next of [
        await submit(browser, page, '/account/profile', '', { ...form, name }),
        await open(browser, ''),
      ])
        expect(next.html).not.toContain('<img src=x');
    });
  });

  describe('devices', () => {
    it('lists where one is signed in: browser, address, when, and which one this is', async () => {
      await enter(server, person.email, '', new NamedBrowser(chrome));
      const { page } = await enter(server, person.email, '/devices', new NamedBrowser('curl/8'));
      const words = wordsOf(page);
      expect(words).toContain('Chrome on macOS');
      expect(words).toContain('curl');
      expect(words.match(/This device/g)).toHaveLength(1);
      expect(words).toContain('127.0.0.1');
    });

    it('notes at most once a minute that a session was used', async () => {
      const { browser } = await enter(server, person.email);
      const [first] = await live();
      offset = 50_000;
      await open(browser, '');
      expect((await live())[0]?.lastActiveAt).toEqual(first?.lastActiveAt);
      offset = 70_000;
      await open(browser, '');
      const [later] = await live();
      expect(later?.lastActiveAt.getTime()).toBeGreaterThan((first?.lastActiveAt.getTime() ?? 0) + 60_000);
      expect(later?.createdAt).toEqual(first?.createdAt);
    });

    it('ends one session, with the tokens that end with it, and no other', async () => {
      const tokens = await tokensFor(server, party, person.email);
      const { browser, page } = await enter(server, person.email, '/devices');
      const [other] = (await live()).filter(({ clients }) => clients.length > 0);
      expect(page.html).toContain('Trip Planner');
      const ended = await submit(browser, page, '/devices/session-end', other?.uid);
      expect(wordsOf(ended)).toContain('That device is signed out.');
      expect((await refresh(server, party, String(tokens.refresh_token))).body.error).toBe('invalid_grant');
      expect(nameOf(await open(tokens.browser, ''))).toBe('identifier');
      expect((await open(browser, '')).status).toBe(200);
      expect(await live()).toHaveLength(1);
    });

    it('ends all others and keeps this one', async () => {
      const others = [await enter(server, person.email), await enter(server, person.email)];
      const { browser, page } = await enter(server, person.email, '/devices');
      expect(page.html).toContain('id="session-end-all"');
      const ended = await submit(browser, page, '/devices/others-end');
      expect(wordsOf(ended)).toContain('signed out everywhere else');
      expect(ended.html).not.toContain('id="session-end-all"');
      for (const other of others) expect(nameOf(await open(other.browser, ''))).toBe('identifier');
      expect(await live()).toHaveLength(1);
    });

    it('never ends a session of somebody else', async () => {
      const stranger = await makePerson(server);
      await enter(server, stranger.email);
      const [theirs] = await live(stranger.email);
      await enter(server, person.email);
      const { browser, page } = await enter(server, person.email, '/devices');
      const refused = await submit(browser, page, '/devices/session-end', '', { session: theirs?.uid ?? '' });
      expect(refused.status).toBe(404);
      expect(await live(stranger.email)).toHaveLength(1);
    });

    it('forgets a remembered browser, and none of somebody else', async () => {
      const stranger = await makePerson(server);
      const [mine, theirs] = await server.inside(async ({ devices, users }) => {
        const [me, other] = [await users.find(person.id), await users.find(stranger.id)];
        await devices.trust(me, [], 30);
        await devices.trust(other, [], 30);
        return [(await devices.trustedOf(me))[0], (await devices.trustedOf(other))[0]];
      });
      const { browser, page } = await enter(server, person.email, '/devices');
      expect((await submit(browser, page, '/devices/forget', '', { device: theirs?.id ?? '' })).status).toBe(404);
      const done = await submit(browser, page, '/devices/forget', mine?.id);
      expect(wordsOf(done)).toContain('That browser is forgotten.');
      expect(done.html).not.toContain('/devices/forget');
      await server.inside(async ({ devices }) => {
        expect(await devices.trustedOf(person)).toEqual([]);
        expect(await devices.trustedOf(stranger)).toHaveLength(1);
      });
    });

    it.each(['', 'not-an-id', '\u0000', "' OR 1=1 --", 'x'.repeat(5_000)])('finds nothing under %j', async (id) => {
      await enter(server, person.email);
      await server.inside(async ({ devices, users }) => devices.trust(await users.find(person.id), [], 30));
      const { browser, page } = await enter(server, person.email, '/devices');
      expect((await submit(browser, page, '/devices/session-end', '', { session: id })).status).toBe(404);
      expect((await submit(browser, page, '/devices/forget', '', { device: id })).status).toBe(404);
      expect(await live()).toHaveLength(2);
    });
  });

  describe('applications', () => {
    it('are told by name with what they may do in plain words, and taken back with every token', async () => {
      const strict = await makeClient(server, { client_name: 'Invoices' });
      const tokens = await tokensFor(server, strict, person.email, {
        scope: 'openid email offline_access',
        prompt: 'consent',
      });
      const { browser, page } = await enter(server, person.email, '/applications');
      const words = wordsOf(page);
      for (const told of ['Invoices', 'See your e-mail address', 'Keep access while you are away'])
        expect(words).toContain(told);
      expect(words).not.toContain('Know that it is you');

      const done = await submit(browser, page, '/applications/revoke', strict.clientId);
      expect(wordsOf(done)).toContain('can no longer use your account');
      expect(wordsOf(done)).not.toContain('Invoices');
      expect((await introspect(server, strict, String(tokens.access_token))).body.active).toBe(false);
      expect((await refresh(server, strict, String(tokens.refresh_token))).body.error).toBe('invalid_grant');
      // What was agreed to is forgotten: the person is asked again.
      expect((await browser.open(authorizationUrl(server, strict, pkce()))).html).toContain('consent-allow');
    });

    it('stay listed after signing out, as long as the consent is remembered', async () => {
      const strict = await makeClient(server, { client_name: 'Remembering' });
      await tokensFor(server, strict, person.email);
      await server.inside(({ protocol }) => protocol.sessions.endAll(person.id, 'logout'));
      const { browser, page } = await enter(server, person.email, '/applications');
      expect(wordsOf(page)).toContain('Remembering');
      const done = await submit(browser, page, '/applications/revoke', strict.clientId);
      expect(wordsOf(done)).not.toContain('Remembering');
    });

    it('of somebody else are not there', async () => {
      const strict = await makeClient(server, { client_name: 'Elsewhere' });
      const stranger = await makePerson(server);
      const tokens = await tokensFor(server, strict, stranger.email);
      await tokensFor(server, party, person.email);
      const { browser, page } = await enter(server, person.email, '/applications');
      expect(page.html).not.toContain('Elsewhere');
      expect((await submit(browser, page, '/applications/revoke', '', { client_id: strict.clientId })).status).toBe(
        404,
      );
      expect((await introspect(server, strict, String(tokens.access_token))).body.active).toBe(true);
    });
  });

  describe('activity', () => {
    it('tells what happened in sentences, newest first, and of nobody else', async () => {
      const stranger = await makePerson(server);
      await server.inside(({ passwords }) => passwords.verify(person.email, 'wrong'));
      await server.inside(({ passwords }) => passwords.verify(stranger.email, 'wrong'));
      await tokensFor(server, await makeClient(server, { client_name: 'Invoices' }), person.email);
      const { page } = await enter(server, person.email, '/activity', new NamedBrowser(chrome));
      const words = wordsOf(page);
      expect(words.match(/A try to sign in failed/g)).toHaveLength(1);
      expect(words).toContain('Invoices was allowed to use the account');
      expect(words).toMatch(/Signed in .*UTC · Chrome on macOS · 127\.0\.0\.1/);
      expect(words.indexOf('Signed in')).toBeLessThan(words.indexOf('The account was made'));
      expect(words).not.toContain('account.activity.');
    });

    it('tells times in the zone of the person (OpenID Connect Core §5.1, zoneinfo), and in UTC where nobody knows it', async () => {
      const zoned = async (zoneinfo: string) => {
        await server.inside(async ({ users }) => users.update(await users.find(person.id), { claims: { zoneinfo } }));
        return wordsOf((await enter(server, person.email, '/activity')).page);
      };
      expect(await zoned('Asia/Kathmandu')).toMatch(/Signed in [A-Z][a-z]+ \d+, \d{4} at \d+:\d\d [AP]M GMT\+5:45/);
      expect(await zoned('Mars/Olympus')).toMatch(/Signed in [A-Z][a-z]+ \d+, \d{4} at \d+:\d\d [AP]M UTC/);
    });

    it('goes back page by page', async () => {
      await server.inside(async ({ users }) => {
        for (let turn = 0; turn < 60; turn += 1)
          await users.update(await users.find(person.id), { claims: { nickname: `M${turn}` } });
      });
      const { browser, page } = await enter(server, person.email, '/activity');
      expect(wordsOf(page)).not.toContain('The account was made');
      const older = /href="\/account(\/activity\?before=[^"]+)"/.exec(page.html)?.[1];
      expect(wordsOf(await open(browser, older ?? ''))).toContain('The account was made');
      expect((await open(browser, '/activity?before=nonsense')).status).toBe(200);
    });

    it('"This was not me" leads to the page that closes the account, and it does', async () => {
      const tokens = await tokensFor(server, party, person.email);
      const { browser, page } = await enter(server, person.email, '/activity');
      const confirm = await submit(browser, page, '/activity/not-me');
      expect(new URL(confirm.url).pathname).toBe('/lockdown');
      expect(await live()).toHaveLength(2);
      const done = await browser.submit(confirm, {});
      expect(new URL(done.url).pathname).toBe('/lockdown/done');
      expect(await live()).toEqual([]);
      expect((await refresh(server, party, String(tokens.refresh_token))).body.error).toBe('invalid_grant');
      expect(nameOf(await open(browser, ''))).toBe('identifier');
    });

    it('records who did it', async () => {
      const { browser, page } = await enter(server, person.email, '/profile');
      await submit(browser, page, '/account/profile', '', { name: 'Maria Neu' });
      const [event] = await server.services.db.manager.query(
        `SELECT actor_type, actor_id FROM audit_events WHERE name = 'user.updated' AND data ->> 'user_id' = $1`,
        [person.id],
      );
      expect(event).toEqual({ actor_type: 'user', actor_id: person.id });
    });
  });
});
