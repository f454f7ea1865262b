import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { Browser, type Page } from '../support/browser.js';
import { StoppedClock } from '../support/clock.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { totpCode } from '../support/totp.js';

const stepSeconds = 30;
const day = 24 * 3600;

describe('a browser that is remembered after a second factor (OWASP ASVS 5.0 V6.3)', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let token: string;
  let person: { id: string; email: string };
  let secret: string;

  beforeAll(async () => {
    server = await startServer({ overrides: { clock } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    token = await tokenWith(server, 'users:read users:write roles:write');
    person = await makePerson(server);
    await policy({});
    secret = await server.inside(async ({ totp, users }) => {
      const user = await users.find(person.id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await code(offer.secret));
      return offer.secret;
    });
    clock.move(stepSeconds);
  });

  const policy = (authentication: object) => setPolicy(server, authentication);
  const code = (of: string) => totpCode(of, clock.now());
  // The rows of a sign-in go by the engine's own clock, so it is the row of the browser that grows older.
  const age = (seconds: number) =>
    server.services.db.manager.query(
      'UPDATE devices SET trusted_until = trusted_until - make_interval(secs => $1) WHERE user_id = $2',
      [seconds, person.id],
    );
  const isAsked = (page: Page) => page.html.includes('mfa-submit');

  /** As far as the second factor, in a session of its own: only the cookie that remembers stays. */
  async function begin(browser: Browser, more: Record<string, string> = {}, email = person.email, secrets = password) {
    for (const [key, { name }] of browser.cookies) if (!name.includes('ostiary_device')) browser.cookies.delete(key);
    const named = await browser.submit(await browser.open(authorizationUrl(server, party, pkce(), more)), {
      username: email,
    });
    return browser.submit(named, { password: secrets });
  }

  async function remembered(): Promise<Browser> {
    const browser = new Browser();
    const page = await begin(browser);
    expect(isAsked(page)).toBe(true);
    expect(page.html).not.toMatch(/name="remember_device"[^>]*checked/);
    codeOf(await browser.submit(page, { code: await code(secret), remember_device: 'yes' }));
    clock.move(stepSeconds);
    return browser;
  }

  it('is not asked again for as long as the policy says, and then is', async () => {
    const browser = await remembered();
    codeOf(await begin(browser));
    await age(29 * day);
    codeOf(await begin(browser));
    await age(day + 1);
    expect(isAsked(await begin(browser))).toBe(true);
  });

  it('holds a value nobody can guess, out of the reach of scripts, of which the database has the hash', async () => {
    const browser = await remembered();
    const cookie = [...browser.cookies.values()].find(({ name }) => name.includes('ostiary_device'));
    expect(cookie?.value).toMatch(/^[A-Za-z0-9_-]{43}(\.[A-Za-z0-9_-]{43})*$/);
    const rows = await server.services.db.manager.query('SELECT * FROM devices WHERE user_id = $1', [person.id]);
    for (const part of String(cookie?.value).split('.')) expect(JSON.stringify(rows)).not.toContain(part);
  });

  it('is not remembered without being asked to, nor after a wrong code', async () => {
    const browser = new Browser();
    codeOf(await browser.submit(await begin(browser), { code: await code(secret) }));
    clock.move(stepSeconds);
    const page = await begin(browser);
    expect(isAsked(page)).toBe(true);
    const wrong = await browser.submit(page, { code: '000000', remember_device: 'yes' });
    expect(wrong.status).toBe(422);
    expect(isAsked(await begin(browser))).toBe(true);
  });

  it('is remembered for one account and one browser only', async () => {
    const browser = await remembered();
    expect(isAsked(await begin(new Browser()))).toBe(true);
    const [mine, other] = [person, await makePerson(server)];
    await server.inside(async ({ totp, users }) => {
      const user = await users.find(other.id);
      const offer = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, offer, await code(offer.secret));
    });
    expect(isAsked(await begin(browser, {}, other.email))).toBe(true);
    person = mine;
    codeOf(await begin(browser));
  });

  it('is asked all the same where a client asks for a second factor', async () => {
    const browser = await remembered();
    expect(isAsked(await begin(browser, { acr_values: 'urn:ostiary:acr:mfa' }))).toBe(true);
  });

  it('is offered and honoured no more where the tenant remembers nobody', async () => {
    const browser = await remembered();
    await policy({ remember_days: 0 });
    const page = await begin(browser);
    expect(isAsked(page)).toBe(true);
    expect(page.html).not.toContain('remember_device');
    codeOf(await browser.submit(page, { code: await code(secret), remember_device: 'yes' }));
    await policy({});
    const trusted = await server.inside(({ devices }) => devices.trustedOf(person));
    expect(trusted).toHaveLength(1);
  });

  describe('ends with what it rested on', () => {
    const cases: [string, () => Promise<unknown>, { asked: boolean; password?: string }][] = [
      [
        'a new password',
        () =>
          server.inside(async ({ passwords, users }) => passwords.set(await users.find(person.id), `${password} 2`)),
        { asked: true, password: `${password} 2` },
      ],
      [
        'the account disabled, although it is enabled again',
        () =>
          server.inside(async ({ users }) => {
            await users.disable(await users.find(person.id));
            await users.enable(await users.find(person.id));
          }),
        { asked: true },
      ],
      [
        'a revocation',
        async () => {
          const { body } = await ask(server, token, 'get', `/users/${person.id}/trusted-devices`);
          const items = body.items as { id: string }[];
          expect(items).toHaveLength(1);
          const path = `/users/${person.id}/trusted-devices/${items[0]?.id}`;
          expect((await ask(server, token, 'delete', path)).status).toBe(204);
        },
        { asked: true },
      ],
    ];
    it.each(cases)('%s', async (_name, end, { asked, password: now = password }) => {
      const browser = await remembered();
      await end();
      expect(await server.inside(({ devices }) => devices.trustedOf(person))).toEqual([]);
      expect(isAsked(await begin(browser, {}, person.email, now))).toBe(asked);
    });

    it('the removal of the factors, which also ends sessions and tells the person', async () => {
      await remembered();
      const sessions = () =>
        server.services.db.manager.query('SELECT 1 FROM sessions WHERE account_id = $1 AND ended_at IS NULL', [
          person.id,
        ]);
      expect((await sessions()).length).toBeGreaterThan(0);
      expect((await ask(server, token, 'delete', `/users/${person.id}/second-factors`)).status).toBe(204);
      expect(await sessions()).toEqual([]);
      expect(await server.inside(({ devices }) => devices.trustedOf(person))).toEqual([]);
      expect(await server.inside(({ secondFactors }) => secondFactors.of(person.id))).toMatchObject({ totp: false });
      const mails = await server.services.db.manager.query(
        `SELECT template FROM mail_messages WHERE template = 'second_factors_removed'`,
      );
      expect(mails).toHaveLength(1);
    });

    it('the account, of which nothing stays', async () => {
      await remembered();
      await server.inside(async ({ users }) => users.delete(await users.find(person.id)));
      const rows = await server.services.db.manager.query('SELECT 1 FROM devices WHERE user_id = $1', [person.id]);
      expect(rows).toEqual([]);
    });
  });

  it('locks are listed and ended through the API, with a letter', async () => {
    for (let i = 0; i < 5; i += 1) await server.inside(({ passwords }) => passwords.verify(person.email, 'wrong'));
    const state = await ask(server, token, 'get', `/users/${person.id}/lockout`);
    expect(state.body.password).toMatchObject({ failed_login_attempts: 5, lockout_count: 1 });
    expect((await ask(server, token, 'delete', `/users/${person.id}/lockout`)).status).toBe(204);
    const { body } = await ask(server, token, 'get', `/users/${person.id}/lockouts`);
    expect(body.items).toMatchObject([{ factor: 'password', cause: 'wrong_password' }]);
    expect((body.items as { unlocked_by: string }[])[0]?.unlocked_by).toMatch(/^client:/);
    const [{ count }] = await server.services.db.manager.query(
      `SELECT count(*)::int AS count FROM mail_messages WHERE template = 'account_unlocked'`,
    );
    expect(count).toBe(1);
    codeOf(
      await (async () => {
        const browser = new Browser();
        return browser.submit(await begin(browser), { code: await code(secret) });
      })(),
    );
  });
});
