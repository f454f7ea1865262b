import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser } from '../support/browser.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { Traveller, trusting } from '../support/traveller.js';

describe('a sign-in that is not like the others (OWASP ASVS 5.0 V6.3.5, V6.3.7)', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer(trusting);
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 60_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
  });

  async function signIn(browser: Traveller, failures = 0) {
    browser.forgetSessions();
    const named = await browser.open(authorizationUrl(server, party, pkce()));
    let page = await browser.submit(named, { username: person.email });
    for (let i = 0; i < failures; i += 1) page = await browser.submit(page, { password: 'wrong' });
    codeOf(await browser.submit(page, { password }));
  }
  const query = (sql: string) => server.services.db.manager.query(sql, [person.id]);
  const noticed = async () =>
    (
      await query(
        `SELECT data FROM audit_events WHERE name = 'sign_in.noticed' AND data ->> 'user_id' = $1 ORDER BY id`,
      )
    ).map(({ data }: { data: { reasons: string[]; decision: string } }) => [data.decision, ...data.reasons]);
  const links = async () =>
    (await query(`SELECT 1 FROM one_time_tokens WHERE purpose = 'lockdown' AND subject = $1`)).length;

  it('is told of where the browser or the network is new, and not the first time', async () => {
    const home = new Traveller('198.51.100.7');
    await signIn(home);
    expect([await noticed(), await links()]).toEqual([[], 0]);
    home.ip = '198.51.100.200';
    await signIn(home);
    expect(await noticed()).toEqual([]);
    home.ip = '203.0.113.5';
    await signIn(home);
    await signIn(new Traveller('203.0.113.6'));
    await signIn(new Traveller('192.0.2.1'));
    expect(await noticed()).toEqual([
      ['allow', 'new_network'],
      ['allow', 'new_device'],
      ['step_up', 'new_device', 'new_network'],
    ]);
    expect(await links()).toBe(1);
  });

  it('counts what failed just before', async () => {
    const home = new Traveller('198.51.100.7');
    await signIn(home);
    await signIn(home, 3);
    expect(await noticed()).toEqual([['allow', 'many_failures_before']]);
    expect(await links()).toBe(0);
  });

  describe('"This was not me"', () => {
    const begin = () =>
      server.inside(async ({ lockdownLinks, users }) => lockdownLinks.issue(await users.find(person.id)));
    const live = () => query('SELECT 1 FROM sessions WHERE account_id = $1 AND ended_at IS NULL');

    it('changes nothing when it is opened, and then closes the account: sessions, remembered browsers, the password', async () => {
      await signIn(new Traveller('198.51.100.7'));
      await server.inside(async ({ devices, users }) => devices.trust(await users.find(person.id), [], 30));
      const browser = new Browser();
      const page = await browser.open(await begin());
      expect([page.status, (await live()).length]).toEqual([200, 1]);
      const done = await browser.submit(page, {});
      expect([done.status, done.url]).toEqual([200, `${server.issuer}/lockdown/done`]);
      expect(await live()).toEqual([]);
      expect(await server.inside(({ devices }) => devices.trustedOf(person))).toEqual([]);
      expect(await server.inside(({ passwords }) => passwords.verify(person.email, password))).toEqual({
        outcome: 'failed',
      });
      expect(
        (await query(`SELECT 1 FROM one_time_tokens WHERE purpose = 'password_reset' AND subject = $1`)).length,
      ).toBe(1);
      expect((await browser.submit(page, {})).status).toBe(400);
    });

    it('works once for many at a time, for no other purpose, and not without the form', async () => {
      const link = await begin();
      const token = String(new URL(link).searchParams.get('token'));
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, () => server.inside(({ lockdown }) => lockdown.redeem(token))),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const other = await begin();
      const body = new URLSearchParams({ token: String(new URL(other).searchParams.get('token')), csrf: '' });
      const headers = { origin: server.issuer };
      expect((await fetch(`${server.issuer}/lockdown`, { method: 'POST', body, headers })).status).toBe(403);
      expect((await fetch(other.replace('/lockdown?', '/password?'))).status).toBe(400);
    });

    it('is dead once the address it was sent to is no longer theirs', async () => {
      const link = await begin();
      await server.inside(async ({ users }) =>
        users.update(await users.find(person.id), { email: `new-${person.email}` }),
      );
      expect((await fetch(link)).status).toBe(400);
    });
  });
});
