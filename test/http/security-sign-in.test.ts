import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Browser, type Page } from '../support/browser.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  post,
  redeem,
  signIn,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const newPassword = 'a quite different passphrase';

describe('a sign-in in progress (OWASP ASVS 5.0 V7, V10; RFC 9700 §4)', () => {
  let server: TestServer;
  let party: Party;
  let implicit: Party;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server);
    implicit = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());

  const authorize = (client = party, more: Record<string, string> = {}) =>
    authorizationUrl(server, client, pkce(), more);
  const words = (page: Page) => page.html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

  /** Sends the last form without following where it leads. */
  async function step(browser: Browser, page: Page, fields: Record<string, string>): Promise<Response> {
    const action = /<form[^>]*action="([^"]*)"/.exec(page.html)?.[1] ?? '';
    const csrf = /name="csrf" value="([^"]*)"/.exec(page.html)?.[1] ?? '';
    const url = new URL(action, page.url);
    return browser.request(url.href, {
      method: 'POST',
      body: new URLSearchParams({ csrf, ...fields }),
      headers: { origin: url.origin },
    });
  }

  async function upToPassword(browser: Browser, email: string, client = implicit) {
    const page = await browser.open(authorize(client));
    return browser.submit(page, { username: email });
  }

  const untilSecondBegins = async () => {
    const second = Math.floor(Date.now() / 1000);
    while (Math.floor(Date.now() / 1000) === second) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const changePassword = async (user: Awaited<ReturnType<typeof makePerson>>) => {
    // What is not known more exactly counts in whole seconds: the change comes in a later one.
    await untilSecondBegins();
    await server.inside(({ passwords }) => passwords.set(user, newPassword));
  };

  describe('a password that was proved before it was changed', () => {
    it('gives no session where the proof was not yet used', async () => {
      const user = await makePerson(server);
      const thief = new Browser();
      const answer = await step(thief, await upToPassword(thief, user.email), { username: user.email, password });
      expect(answer.status).toBe(303);
      await changePassword(user);
      const page = await thief.open(new URL(answer.headers.get('location') ?? '', server.issuer).href);
      expect(page.url).not.toContain('code=');
      const silent = await thief.open(authorize(implicit, { prompt: 'none' }));
      expect(new URL(silent.url).searchParams.get('error')).toBe('login_required');
    });

    it('gives no session where the sign-in had ended but the browser had not gone back to the authorization request', async () => {
      const user = await makePerson(server);
      const thief = new Browser();
      const answer = await step(thief, await upToPassword(thief, user.email), { username: user.email, password });
      const dispatcher = await thief.request(new URL(answer.headers.get('location') ?? '', server.issuer).href);
      expect(dispatcher.headers.get('location')).toContain('/authorize/');
      await changePassword(user);
      const page = await thief.open(dispatcher.headers.get('location') ?? '');
      expect(page.url).not.toContain('code=');
      const silent = await thief.open(authorize(implicit, { prompt: 'none' }));
      expect(new URL(silent.url).searchParams.get('error')).toBe('login_required');
    });

    describe.each<[string, (user: Awaited<ReturnType<typeof makePerson>>) => Promise<unknown>]>([
      ['is changed', (user) => server.inside(({ passwords }) => passwords.set(user, newPassword))],
      ['is taken away', (user) => server.inside(({ passwords }) => passwords.remove(user))],
      [
        'is locked with "This was not me"',
        (user) =>
          server.inside(async ({ lockdown, lockdownLinks }) =>
            lockdown.redeem(String(new URL(await lockdownLinks.issue(user)).searchParams.get('token'))),
          ),
      ],
    ])('and %s', (_, end) => {
      const isOut = async (thief: Browser) => {
        const silent = await thief.open(authorize(implicit, { prompt: 'none' }));
        expect(new URL(silent.url).searchParams.get('error')).toBe('login_required');
      };

      it('while it was being looked at gives no session', async () => {
        const user = await makePerson(server);
        const thief = new Browser();
        const asked = await upToPassword(thief, user.email);
        const { hasher } = server.services;
        let letGo = () => {};
        const held = new Promise<void>((resolve) => {
          letGo = resolve;
        });
        let begin = () => {};
        const begun = new Promise<void>((resolve) => {
          begin = resolve;
        });
        const verify = jest.spyOn(hasher, 'verify').mockImplementationOnce(async (...given) => {
          begin();
          await held;
          return hasher.verify(...given);
        });
        const sent = step(thief, asked, { username: user.email, password });
        await begun;
        await end(user);
        // A sign-in counts in whole seconds as well.
        await new Promise((resolve) => setTimeout(resolve, 1100));
        letGo();
        const answer = await sent;
        verify.mockRestore();
        await thief.open(new URL(answer.headers.get('location') ?? '', server.issuer).href);
        await isOut(thief);
      });

      it('within the second in which the sign-in had ended gives no session', async () => {
        const user = await makePerson(server);
        const thief = new Browser();
        const asked = await upToPassword(thief, user.email);
        await untilSecondBegins();
        const answer = await step(thief, asked, { username: user.email, password });
        const ended = await thief.request(new URL(answer.headers.get('location') ?? '', server.issuer).href);
        expect(ended.headers.get('location')).toContain('/authorize/');
        await end(user);
        await thief.open(ended.headers.get('location') ?? '');
        await isOut(thief);
      });
    });

    it('and the new one signs in at once', async () => {
      const user = await makePerson(server);
      await server.inside(({ passwords }) => passwords.set(user, newPassword));
      const browser = new Browser();
      const page = await browser.submit(await upToPassword(browser, user.email), { password: newPassword });
      expect(codeOf(page)).toBeTruthy();
    });
  });

  describe('a password that somebody else has set', () => {
    const given = async () => {
      const user = await makePerson(server);
      await server.inside(({ passwords }) => passwords.set(user, password, { mustChange: true }));
      return user;
    };

    it('is replaced by another one before the sign-in goes on', async () => {
      const user = await given();
      const browser = new Browser();
      let page = await browser.submit(await upToPassword(browser, user.email), { password });
      expect(page.url).toContain('/interaction/');
      page = await browser.submit(page, { password });
      expect(page.status).toBe(422);
      page = await browser.submit(page, { password: newPassword });
      expect(codeOf(page)).toBeTruthy();
    });

    it('is not passed by by opening the authorization request early, or another step', async () => {
      const user = await given();
      const browser = new Browser();
      const page = await browser.submit(await upToPassword(browser, user.email), { password });
      const uid = /\/interaction\/([^/?]+)/.exec(page.url)?.[1];
      const early = await browser.open(`${server.issuer}/authorize/${uid}`);
      expect(early.url).not.toContain('code=');
      expect(words(early)).toContain('password');
      for (const name of ['consent', 'select_account', 'login', 'finish']) {
        const tried = await browser.submit(
          { ...early, html: early.html.replace(/\/change_password"/, `/${name}"`) },
          { password: newPassword, decision: 'allow', account: 'other' },
        );
        expect(tried.url).not.toContain('code=');
      }
    });
  });

  it('a form of one sign-in does nothing in another, in this browser or another', async () => {
    const user = await makePerson(server);
    const mine = new Browser();
    const theirs = new Browser();
    const here = await upToPassword(mine, user.email);
    const there = await upToPassword(theirs, user.email);
    const csrf = /name="csrf" value="([^"]*)"/.exec(there.html)?.[1] ?? '';
    expect((await step(mine, here, { csrf, password })).status).toBe(403);
    // The address of another sign-in, with the cookies of this one.
    const cookies = [...mine.cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; ');
    const crossed = await fetch(there.url, { headers: { cookie: cookies, accept: 'text/html' }, redirect: 'manual' });
    expect(crossed.status).toBe(400);
    expect((await mine.request(there.url)).status).toBe(400);
    expect(codeOf(await mine.submit(here, { password }))).toBeTruthy();
  });

  describe('consent', () => {
    it('names what the claims parameter asks for too (OpenID Connect Core §5.5)', async () => {
      const user = await makePerson(server);
      const claims = JSON.stringify({ userinfo: { email: null, phone_number: null }, id_token: { address: null } });
      const page = await signIn(
        new Browser(),
        authorize(party, { scope: 'openid', claims, prompt: 'login' }),
        'nobody@example.com',
      );
      expect(page.url).not.toContain('code=');
      const browser = new Browser();
      let asked = await browser.open(authorize(party, { scope: 'openid', claims }));
      asked = await browser.submit(asked, { username: user.email });
      asked = await browser.submit(asked, { password });
      expect(asked.html).toContain('consent-allow');
      expect(words(asked)).toMatch(/e-mail address/);
      expect(words(asked)).toMatch(/phone number/);
      expect(words(asked)).toMatch(/postal address|address/i);
    });

    it('is asked again after an administrator took it back, also what was remembered of earlier sessions', async () => {
      const user = await makePerson(server);
      const browser = new Browser();
      await signIn(browser, authorize(), user.email);
      await server.inside(({ protocol }) => protocol.sessions.endAll(user.id, 'logout'));
      const again = await signIn(browser, authorize(), user.email);
      expect(codeOf(again)).toBeTruthy();
      await server.inside(async ({ protocol, db }) => {
        const { listGrants } = await import('../../src/features/protocol/session.queries.js');
        const { items } = await listGrants(db, { limit: 10, user_id: user.id } as never, new Date());
        expect(items).toHaveLength(1);
        for (const { id } of items) await protocol.grants.endKnown(id, 'revoked');
      });
      const silent = await browser.open(authorize(party, { prompt: 'none' }));
      expect(new URL(silent.url).searchParams.get('error')).toBe('consent_required');
    });

    it('of one person is nothing for another in the same browser, nor for another client', async () => {
      const [first, second] = [await makePerson(server), await makePerson(server)];
      const browser = new Browser();
      await signIn(browser, authorize(), first.email);
      let page = await browser.open(authorize(party, { prompt: 'login' }));
      page = await browser.submit(page, { username: second.email });
      page = await browser.submit(page, { password });
      expect(page.html).toContain('consent-allow');
      const other = await makeClient(server);
      const silent = await browser.open(authorize(other, { prompt: 'none' }));
      expect(new URL(silent.url).searchParams.get('error')).toBe('consent_required');
    });

    it('does not hold a scope of a resource that the registration of the client does not list', async () => {
      const identifier = 'https://api.example/limited';
      await server.inside(({ resources }) =>
        resources.create({ identifier, name: 'Limited', scopes: [{ name: 'read' }, { name: 'write' }] } as never),
      );
      const limited = await makeClient(server, { scope: 'openid read' });
      const user = await makePerson(server);
      const browser = new Browser();
      const proof = pkce();
      let page = await browser.open(
        authorizationUrl(server, limited, proof, { scope: 'openid read write', resource: identifier }),
      );
      page = await browser.submit(page, { username: user.email });
      page = await browser.submit(page, { password });
      expect(words(page)).toContain('read');
      expect(words(page)).not.toContain('write');
      page = await browser.submit(page, { decision: 'allow' });
      const { body } = await redeem(server, limited, codeOf(page), proof, { resource: identifier });
      expect(body.scope?.split(' ')).not.toContain('write');
      const { body: introspected } = await post(server, '/introspect', limited, { token: String(body.access_token) });
      expect(introspected.scope).toBe('read');
    });
  });

  it('a sign-in gives a new session id, and the one before is worth nothing (session fixation)', async () => {
    const user = await makePerson(server);
    const browser = new Browser();
    await signIn(browser, authorize(implicit), user.email);
    const cookie = () => [...browser.cookies.values()].find(({ name }) => name === 'ostiary_default')?.value;
    const before = [...browser.cookies.values()].filter(({ name }) => name.startsWith('ostiary_default'));
    const old = before.map(({ name, value }) => `${name}=${value}`).join('; ');
    const first = cookie();
    await signIn(browser, authorize(implicit, { prompt: 'login' }), user.email);
    expect(cookie()).not.toBe(first);
    const silent = await fetch(authorize(implicit, { prompt: 'none' }), {
      headers: { cookie: old },
      redirect: 'manual',
    });
    expect(silent.headers.get('location')).toContain('error=login_required');
  });

  it('an edited or foreign session cookie is nobody’s', async () => {
    const user = await makePerson(server);
    const browser = new Browser();
    await signIn(browser, authorize(implicit), user.email);
    const [session, signature] = ['ostiary_default', 'ostiary_default.sig'].map(
      (one) => [...browser.cookies.values()].find(({ name }) => name === one)?.value ?? '',
    );
    for (const cookie of [
      `ostiary_default=${session}`,
      `ostiary_default=${session}; ostiary_default.sig=${signature?.slice(0, -1)}x`,
      `ostiary_default=${session}x; ostiary_default.sig=${signature}`,
      `ostiary_other=${session}; ostiary_other.sig=${signature}`,
      `ostiary_default_more=${session}; ostiary_default_more.sig=${signature}`,
    ]) {
      const silent = await fetch(authorize(implicit, { prompt: 'none' }), { headers: { cookie }, redirect: 'manual' });
      expect(silent.headers.get('location')).toContain('error=login_required');
    }
  });
});
