import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generate } from 'otplib';
import { press } from '../support/account-life.js';
import { Authenticator } from '../support/authenticator.js';
import { Browser } from '../support/browser.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  signIn as signInAt,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { Traveller, trusting } from '../support/traveller.js';

describe('a sign-in that is not like the others (OWASP ASVS 5.0 V6.3.5, V6.3.7)', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer(trusting);
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
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
    (await query(`SELECT 1 FROM one_time_tokens WHERE purpose = 'lockdown' AND subject LIKE $1 || ':%'`)).length;

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
    // Each letter has its own.
    expect(await links()).toBe(3);
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
    const pressLink = async (link: string) => {
      const browser = new Browser();
      const done = await browser.submit(await browser.open(link), {});
      expect(done.url).toBe(`${server.issuer}/lockdown/done`);
    };
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

    it('knows the other person no longer, neither browser nor network, and lets no sign-in pass as the first one', async () => {
      const home = new Traveller('198.51.100.7');
      await signIn(home);
      for (const table of ['devices', 'known_networks'])
        await query(`UPDATE ${table} SET created_at = created_at - interval '8 days' WHERE user_id = $1`);
      const other = new Traveller('203.0.113.5');
      await signIn(other);
      const before = await noticed();
      const again = async () => {
        await pressLink(await begin());
        await server.inside(async ({ users, passwords }) => passwords.set(await users.find(person.id), password));
      };
      await again();
      await signIn(home);
      expect(await noticed()).toEqual(before);
      await signIn(other);
      expect(await noticed()).toEqual([...before, ['step_up', 'new_device', 'new_network']]);
      for (const table of ['devices', 'known_networks'])
        await query(`UPDATE ${table} SET created_at = created_at + interval '8 days' WHERE user_id = $1`);
      await again();
      await signIn(home);
      expect(await noticed()).toHaveLength(before.length + 2);
    });

    it('tells of sign-ins again, where the other person has chosen that it does not', async () => {
      await server.inside(async ({ users }) =>
        users.changeSettings(await users.find(person.id), { notifications: { new_device: false } }),
      );
      await pressLink(await begin());
      expect(await server.inside(({ users }) => users.find(person.id))).toMatchObject({ settings: {} });
    });

    it('asks anew what an application may do: nothing that was allowed before is remembered', async () => {
      const strict = await makeClient(server);
      const browser = new Traveller('198.51.100.7');
      codeOf(await signInAt(browser, authorizationUrl(server, strict, pkce()), person.email));
      await server.inside(({ protocol }) => protocol.sessions.endAll(person.id, 'logout'));
      await pressLink(await begin());
      await server.inside(async ({ users, passwords }) => passwords.set(await users.find(person.id), password));
      const rows = await query(`SELECT end_reason FROM grants WHERE account_id = $1`);
      expect(new Set(rows.map(({ end_reason }: { end_reason: string }) => end_reason))).toEqual(
        new Set(['account_ended']),
      );
      browser.forgetSessions();
      const page = await browser.open(authorizationUrl(server, strict, pkce()));
      const named = await browser.submit(page, { username: person.email });
      expect((await browser.submit(named, { password })).html).toContain('consent-allow');
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

    const rightly = () => server.inside(({ secondFactors }) => secondFactors.of(person.id));
    async function addTotp(): Promise<string> {
      return server.inside(async ({ totp, users }) => {
        const offer = totp.offer(await users.find(person.id), 'Acme', 'flow');
        await totp.confirm(await users.find(person.id), offer, await generate({ secret: offer.secret }));
        return offer.secret;
      });
    }
    async function addPasskey(): Promise<Authenticator> {
      const authenticator = new Authenticator({ origin: new URL(server.issuer).origin });
      await server.inside(async ({ passkeyCeremonies, users }) => {
        const user = await users.find(person.id);
        const options = await passkeyCeremonies.registrationOptions(user, 'flow');
        await passkeyCeremonies.register(user, 'flow', authenticator.create(options));
      });
      return authenticator;
    }
    const age = (table: string) =>
      query(`UPDATE ${table} SET created_at = created_at - interval '8 days' WHERE user_id = $1`);

    it('has a link in every letter that no later one ends; the one that is pressed ends the others', async () => {
      const [first, second, third] = [await begin(), await begin(), await begin()];
      for (const link of [first, second, third]) expect((await fetch(link)).status).toBe(200);
      const browser = new Browser();
      expect((await browser.submit(await browser.open(second), {})).url).toBe(`${server.issuer}/lockdown/done`);
      for (const link of [first, second, third]) expect((await fetch(link)).status).toBe(400);
    });

    it('begun in a session whose proof is old takes no factor away, and leaves the links in letters good', async () => {
      const letter = await begin();
      const browser = new Browser();
      const old = await signInAt(browser, `${server.issuer}/account/activity`, person.email);
      await addTotp();
      await addPasskey();
      await age('totp_credentials');
      await query(
        `UPDATE sessions SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::bigint - 700)) WHERE account_id = $1`,
      );
      const confirm = await press(browser, old, 'activity-not-me');
      expect([new URL(confirm.url).pathname, confirm.html.includes('second factors stay.')]).toEqual([
        '/lockdown',
        true,
      ]);
      await browser.submit(confirm, {});
      expect([await live(), await rightly()]).toMatchObject([[], { totp: true, passkeys: [{}] }]);
      expect(await server.inside(({ passwords }) => passwords.verify(person.email, password))).toMatchObject({
        outcome: 'failed',
      });
      const owner = new Browser();
      const said = await owner.open(letter);
      expect([said.status, said.html.includes('in the last seven days are removed')]).toEqual([200, true]);
      await owner.submit(said, {});
      expect(await rightly()).toMatchObject({ totp: true, passkeys: [] });
    });

    it('takes away no factor of an account that had none before: a mailbox alone does not, and no passkey opens it alone', async () => {
      const authenticator = await addPasskey();
      await addTotp();
      const browser = new Browser();
      const page = await browser.open(await begin());
      expect(page.html).toContain('had none before');
      await browser.submit(page, {});
      expect(await rightly()).toMatchObject({ totp: true, passkeys: [{}] });
      const alone = (second: boolean) =>
        server.inside(async ({ passkeyCeremonies, users }) => {
          const user = second ? await users.find(person.id) : undefined;
          const options = await passkeyCeremonies.authenticationOptions('flow', user);
          return passkeyCeremonies.authenticate('flow', authenticator.get(options), user);
        });
      expect(await alone(false)).toBeUndefined();
      // The owner chooses another password by mail, and is asked for a factor all the same.
      await server.inside(async ({ passwords, users }) => passwords.set(await users.find(person.id), password));
      const named = await browser.open(authorizationUrl(server, party, pkce()));
      const asked = await browser.submit(await browser.submit(named, { username: person.email }), { password });
      expect(asked.html).toContain('mfa-submit');
      expect(await alone(true)).toMatchObject({ verified: true });
      expect(await alone(false)).toMatchObject({ verified: true });
    });

    it('leaves no older passkey as a way in by itself', async () => {
      const authenticator = await addPasskey();
      await age('passkeys');
      await pressLink(await begin());
      expect(await rightly()).toMatchObject({ passkeys: [{}] });
      const alone = await server.inside(async ({ passkeyCeremonies }) => {
        const options = await passkeyCeremonies.authenticationOptions('flow');
        return passkeyCeremonies.authenticate('flow', authenticator.get(options));
      });
      expect(alone).toBeUndefined();
    });

    it('is not undone by a passkey that is being used meanwhile', async () => {
      const authenticator = await addPasskey();
      await age('passkeys');
      const { db } = server.services;
      let begun = () => {};
      const lowered = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const used = server.inside(async ({ passkeyCeremonies }) => {
        const options = await passkeyCeremonies.authenticationOptions('flow');
        await lowered;
        return passkeyCeremonies.authenticate('flow', authenticator.get(options));
      });
      await server.inside(async ({ passkeys, users }) => {
        const user = await users.find(person.id);
        await db.transaction(async () => {
          await passkeys.lower(user);
          begun();
          await new Promise((resolve) => setTimeout(resolve, 500));
        });
      });
      expect(await used).toBeUndefined();
      expect(await query('SELECT uv_initialized FROM passkeys WHERE user_id = $1')).toEqual([
        { uv_initialized: false },
      ]);
    });

    it.each(['replaced', 'removed'])(
      'takes away the authenticator that came in place of one that was %s',
      async (how) => {
        await addTotp();
        await age('totp_credentials');
        if (how === 'removed') await server.inside(async ({ totp, users }) => totp.remove(await users.find(person.id)));
        await addTotp();
        await pressLink(await begin());
        expect(await rightly()).toMatchObject({ totp: false });
      },
    );

    it('is dead once the address it was sent to is no longer theirs', async () => {
      const link = await begin();
      await server.inside(async ({ users }) =>
        users.update(await users.find(person.id), { email: `new-${person.email}` }),
      );
      expect((await fetch(link)).status).toBe(400);
    });
  });
});
