import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from '../support/browser.js';
import { baseOf, csrfOf, nameOf, resumeOf, send, silently } from '../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  redeem,
  refresh,
  signIn,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { chrome, firefox, Traveller, trusting } from '../support/traveller.js';

const home = '198.51.100.7';
const neighbour = '198.51.100.200';
const abroad = '203.0.113.5';

describe('a session is at home where it was signed in (OWASP ASVS 5.0 V7.5)', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let browser: Traveller;
  let proof: ReturnType<typeof pkce>;
  let code: string;

  beforeAll(async () => {
    server = await startServer(trusting);
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
    browser = new Traveller(home);
    await policy({});
    await authentication({});
    proof = pkce();
    code = codeOf(await signIn(browser, authorizationUrl(server, party, proof), person.email));
  });

  const policy = (sessions: object) =>
    server.inside(async ({ tenants }) => tenants.update(await tenants.current(), { settings: { sessions } } as never));
  const authentication = (policy: object) =>
    server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { authentication: policy } } as never),
    );
  const errorOf = async (who = browser) => (await silently(server, party, who)).get('error');
  const events = async (name: string) =>
    (
      await server.services.db.manager.query(
        `SELECT data FROM audit_events WHERE name = $1 AND data ->> 'user_id' = $2 ORDER BY id`,
        [name, person.id],
      )
    ).map(({ data }: { data: Record<string, unknown> }) => data);
  /** The pages as they come, up to one. */
  async function signInUpTo(name: string, who: Traveller, url: string): Promise<Page> {
    let page = await who.open(url);
    if (nameOf(page) === 'identifier') page = await who.submit(page, { username: person.email });
    if (nameOf(page) === 'password') page = await who.submit(page, { password });
    expect(nameOf(page)).toBe(name);
    return page;
  }
  const live = async () =>
    (
      await server.services.db.manager.query('SELECT uid FROM sessions WHERE account_id = $1 AND ended_at IS NULL', [
        person.id,
      ])
    ).length;

  it.each<[string, object, () => Traveller, string | null]>([
    ['at home', {}, () => browser, null],
    ['from another address of the network', {}, () => browser.stolen(neighbour), null],
    ['from a newer version of the browser', {}, () => browser.stolen(home, firefox.replaceAll('140', '141')), null],
    ['from another network', {}, () => browser.stolen(abroad), 'login_required'],
    ['from another browser', {}, () => browser.stolen(home, chrome), 'login_required'],
    ['from IPv6', {}, () => browser.stolen('2001:db8::1'), 'login_required'],
    ['from what is no address', {}, () => browser.stolen('not an address'), 'login_required'],
    ['from another address, strictly', { binding: 'strict' }, () => browser.stolen(neighbour), 'login_required'],
    ['at home, strictly', { binding: 'strict' }, () => browser, null],
    ['from elsewhere, where it does not matter', { binding: 'off' }, () => browser.stolen(abroad, chrome), null],
  ])('%s', async (_name, settings, who, error) => {
    await policy(settings);
    const visitor = who();
    expect(await errorOf(visitor)).toBe(error);
    expect(await live()).toBe(1);
    // Nobody at home notices.
    expect(await errorOf()).toBeNull();
  });

  it('elsewhere, everything is proved anew; from then on it is at home there, and the cookie of before is dead', async () => {
    const old = browser.stolen(home);
    browser.ip = abroad;
    const page = await browser.open(authorizationUrl(server, party, pkce()));
    expect(nameOf(page)).toBe('identifier');
    expect(page.html).toContain('another place');
    expect((await browser.open(page.url)).html).toContain('another place');
    codeOf(await signIn(browser, authorizationUrl(server, party, pkce()), person.email));
    expect(await errorOf()).toBeNull();
    expect(await errorOf(old)).toBe('login_required');
    browser.ip = home;
    expect(await errorOf()).toBe('login_required');
  });

  it('is at home at an address of each family, once it was proved at both (RFC 8305)', async () => {
    const six = '2001:db8:1:2::3';
    browser.ip = six;
    expect(await errorOf()).toBe('login_required');
    codeOf(await signIn(browser, authorizationUrl(server, party, pkce()), person.email));
    for (const ip of [six, home, neighbour, six]) {
      browser.ip = ip;
      expect(await errorOf()).toBeNull();
    }
    expect(await errorOf(browser.stolen(home, chrome))).toBe('login_required');
    expect(await errorOf(browser.stolen(abroad))).toBe('login_required');
  });

  it('is on record once for each place, with what differs', async () => {
    const thief = browser.stolen(abroad, chrome);
    for (let i = 0; i < 3; i += 1) expect(await errorOf(thief)).toBe('login_required');
    expect(await events('session.moved')).toMatchObject([{ moved: ['network', 'browser'], decision: 'step_up' }]);
    await errorOf(browser.stolen('192.0.2.9'));
    expect(await events('session.moved')).toHaveLength(2);
    expect(await events('session.ended')).toEqual([]);
  });

  it('ends where the tenant says so, for whoever has the cookie', async () => {
    await policy({ when_moved: 'end' });
    expect(await errorOf(browser.stolen(neighbour))).toBeNull();
    expect(await errorOf(browser.stolen(abroad))).toBe('login_required');
    expect(await live()).toBe(0);
    expect(await events('session.moved')).toMatchObject([{ moved: ['network'], decision: 'end' }]);
    expect(await events('session.ended')).toMatchObject([{ reason: 'moved' }]);
    expect(await errorOf()).toBe('login_required');
    codeOf(await signIn(browser, authorizationUrl(server, party, pkce()), person.email));
    expect(await errorOf()).toBeNull();
  });

  it('lets another person sign in where a session ended', async () => {
    await policy({ when_moved: 'end' });
    browser.ip = abroad;
    person = await makePerson(server);
    codeOf(await signIn(browser, authorizationUrl(server, party, pkce()), person.email));
    expect(await errorOf()).toBeNull();
  });

  it('tells nobody elsewhere whose it is', async () => {
    await authentication({ registration: 'open' });
    const thief = browser.stolen(abroad);
    const pages = [{ prompt: 'select_account' }, {}, { prompt: 'login' }].map((more) =>
      authorizationUrl(server, party, pkce(), more as Record<string, string>),
    );
    const making = await thief.open(authorizationUrl(server, party, pkce(), { prompt: 'create' }));
    pages.push(`${baseOf(making)}?with=login`);
    const names = [];
    for (const url of pages) {
      const page = await thief.open(url);
      names.push(nameOf(page));
      expect([page.html.includes(person.email), page.html.includes('Maria')]).toEqual([false, false]);
    }
    expect(names).toEqual(Array(4).fill('identifier'));
    expect((await browser.open(String(pages[0]))).html).toContain(person.email);
  });

  it('is not made at home elsewhere by a sign-in at home that waits for consent', async () => {
    const asking = await makeClient(server);
    const visitor = new Traveller(home);
    const page = await signInUpTo('consent', visitor, authorizationUrl(server, asking, pkce()));
    const thief = visitor.stolen(abroad);
    const allowed = { csrf: csrfOf(page), decision: 'allow' };
    expect((await send(thief, `${baseOf(page)}/consent`, allowed)).status).toBe(303);
    const end = await thief.open(resumeOf(page));
    expect(nameOf(end)).toBe('identifier');
    expect(await errorOf(visitor)).toBeNull();
  });

  it('that ended there is not begun anew by what was proved at home', async () => {
    await policy({ when_moved: 'end' });
    const asking = await makeClient(server);
    person = await makePerson(server);
    const visitor = new Traveller(home);
    const page = await signInUpTo('consent', visitor, authorizationUrl(server, asking, pkce()));
    const thief = visitor.stolen(abroad);
    await send(thief, `${baseOf(page)}/consent`, { csrf: csrfOf(page), decision: 'allow' });
    expect((await thief.open(resumeOf(page))).status).toBe(400);
    expect(await live()).toBe(0);
    expect(await errorOf(thief)).toBe('login_required');
  });

  it('is nobody’s at the pages of the account either', async () => {
    const page = (who: Traveller) => who.open(`${server.issuer}/account`);
    expect((await page(browser)).html).toContain(person.email);
    for (const settings of [{}, { when_moved: 'end' }]) {
      await policy(settings);
      const elsewhere = await page(browser.stolen(abroad));
      expect(nameOf(elsewhere)).toBe('identifier');
      const answer = await browser.stolen(abroad).request(`${server.issuer}/api/v1/auth/me`);
      expect(answer.status).toBe(401);
    }
    expect(nameOf(await page(browser))).toBe('identifier');
  });

  it('is moved by no header but that of a proxy that is trusted', async () => {
    const other = await startServer();
    try {
      const client = await makeClient(other, { consent_policy: 'implicit' });
      const { email } = await makePerson(other);
      codeOf(await signIn(browser, authorizationUrl(other, client, pkce()), email));
      browser.ip = abroad;
      expect((await silently(other, client, browser)).get('error')).toBeNull();
    } finally {
      await other.close();
    }
  });

  it('concerns no token: clients call from where they are (RFC 6749 §1.1)', async () => {
    const { body, status } = await redeem(server, party, code, proof);
    expect(status).toBe(200);
    await policy({ binding: 'strict', when_moved: 'end' });
    const headers = { authorization: `Bearer ${body.access_token}`, 'x-forwarded-for': abroad, 'user-agent': 'curl/8' };
    expect((await fetch(`${server.issuer}/userinfo`, { headers })).status).toBe(200);
    expect((await introspect(server, party, String(body.access_token))).body.active).toBe(true);
    expect((await refresh(server, party, String(body.refresh_token))).status).toBe(200);
    expect(await events('session.moved')).toEqual([]);
  });

  it('asks nothing of a session from before anybody kept where it was', async () => {
    await server.services.db.manager.query('UPDATE sessions SET home_ip = NULL, home_user_agent = NULL');
    expect(await errorOf(browser.stolen(abroad))).toBeNull();
  });
});
