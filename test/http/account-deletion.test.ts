import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generate } from 'otplib';
import { Sweeper } from '../../src/platform/sweep.js';
import { retentions } from '../../src/retention.js';
import { fieldsOf, press } from '../support/account-life.js';
import { ask, tokenWith } from '../support/api.js';
import { Browser, type Page } from '../support/browser.js';
import { MovedClock } from '../support/clock.js';
import { everyTable } from '../support/dump.js';
import { behindPerson } from '../support/held.js';
import { send } from '../support/journey.js';
import { delivered, lettersTo, letterTo, linkIn } from '../support/mailbox.js';
import { makeClient, makePerson, type Party, password, refresh, signIn, tokensFor } from '../support/party.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';

const daySeconds = 24 * 3600;

describe('an account that its owner deletes (GDPR Article 17)', () => {
  let server: TestServer;
  let clock: MovedClock;
  let party: Party;
  let person: { id: string; email: string };
  let browser: Browser;

  beforeAll(async () => {
    clock = new MovedClock();
    server = await startServer({ overrides: { clock } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    person = await makePerson(server);
    browser = new Browser();
  });

  const page = () => `${server.issuer}/account/delete`;
  async function remove(who = browser, email = person.email): Promise<Page> {
    const form = await signIn(who, page(), email);
    expect(form.html).toContain('id="account-delete"');
    return press(who, form, 'account-delete');
  }
  const user = () => server.inside(({ users }) => users.find(person.id));
  const purge = () => server.services.accountDeletion.purge();
  const outcome = () =>
    server.inside(({ passwords }) => passwords.verify(person.email, password)).then((result) => result.outcome);
  const keepLink = async () => linkIn(await letterTo(server, person.email, /account-restore/));
  const events = async (name: string) =>
    (
      await server.services.db.manager.query(`SELECT 1 FROM audit_events WHERE name = $1 AND data ->> 'user_id' = $2`, [
        name,
        person.id,
      ])
    ).length;

  it('is closed at once, answers like one that does not exist, and everything that rested on it ends', async () => {
    const tokens = await tokensFor(server, party, person.email);
    await server.inside(async ({ devices }) => devices.trust(await user(), [], 30));
    const reset = await server.inside(async ({ passwordLinks }) => passwordLinks.issue(await user()));
    const closed = await remove();
    expect([closed.url, closed.status]).toEqual([`${server.issuer}/account/deleted`, 200]);
    expect(await outcome()).toBe('failed');
    expect((await refresh(server, party, String(tokens.refresh_token))).body.error).toBe('invalid_grant');
    expect((await browser.open(page())).html).not.toContain('id="account-delete"');
    expect(await server.inside(({ devices }) => devices.trustedOf(person))).toEqual([]);
    expect((await new Browser().open(reset)).status).toBe(400);
    expect(await events('account.deletion_requested')).toBe(1);
    await server.inside(({ forgottenPasswords }) => forgottenPasswords.request(person.email));
    const rows = await server.services.db.manager.query(
      `SELECT 1 FROM one_time_tokens WHERE purpose = 'password_reset' AND subject = $1`,
      [person.id],
    );
    expect(rows).toEqual([]);
  });

  it('is not deleted by a look, by another site, or without the form', async () => {
    const form = await signIn(browser, page(), person.email);
    const fields = fieldsOf(form, 'account-delete');
    expect((await send(browser, page(), fields, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await send(browser, page(), {})).status).toBe(403);
    expect((await send(new Browser(), page(), fields)).status).toBe(303);
    expect((await user()).deletionAt).toBeNull();
  });

  it('is deleted by whoever has just proved who they are, with the second factor where there is one', async () => {
    const form = await signIn(browser, page(), person.email);
    const fields = fieldsOf(form, 'account-delete');
    await server.inside(async ({ totp }) => {
      const offer = totp.offer(await user(), 'Acme', 'flow');
      const epoch = Math.floor(clock.now().getTime() / 1000);
      await totp.confirm(await user(), offer, await generate({ secret: offer.secret, epoch }));
    });
    const asked = await send(browser, page(), fields);
    const request = new URL(asked.headers.get('location') ?? '').searchParams;
    expect([asked.status, request.get('acr_values')]).toEqual([303, 'urn:ostiary:acr:mfa']);
    await server.inside(async ({ secondFactors }) => secondFactors.removeAll(await user()));
    await signIn(browser, page(), person.email);
    clock.move(601);
    const old = await send(browser, page(), fieldsOf(await browser.open(page()), 'account-delete'));
    expect(new URL(old.headers.get('location') ?? '').searchParams.get('max_age')).toBe('600');
    expect((await user()).deletionAt).toBeNull();
  });

  // The embedded database has one session: nobody waits there.
  if (defaultKind === 'postgres')
    it('is not deleted by whoever was shut out while they asked', async () => {
      const form = await signIn(browser, page(), person.email);
      const [answer] = await behindPerson(
        server,
        () => send(browser, page(), fieldsOf(form, 'account-delete')),
        (runner) => runner.query('UPDATE sessions SET ended_at = now() WHERE account_id = $1', [person.id]),
      );
      expect([answer.status, (await user()).deletionAt]).toEqual([403, null]);
    });

  it('is kept by the link in the letter, with a click, by nobody who was signed in before', async () => {
    await remove();
    const link = await keepLink();
    const other = new Browser();
    const form = await other.open(link);
    expect((await user()).deletionAt).not.toBeNull();
    const done = await press(other, form, 'account-restore-submit');
    expect(done.url).toBe(`${server.issuer}/account-restore/done`);
    expect([(await user()).deletionAt, await outcome()]).toEqual([null, 'ok']);
    expect((await browser.open(page())).html).not.toContain('id="account-delete"');
    expect((await other.open(link)).status).toBe(400);
    expect(await events('account.deletion_withdrawn')).toBe(1);
    clock.move(31 * daySeconds);
    await purge();
    expect(await user()).toMatchObject({ id: person.id });
  });

  it('ends no "This was not me" of its owner: whoever else asked for the end is put out once the account is kept', async () => {
    const before = await server.inside(async ({ lockdownLinks }) => lockdownLinks.issue(await user()));
    await remove();
    const letter = await letterTo(server, person.email, /account-restore/);
    const inLetter = String(/http\S+\/lockdown\?token=[\w-]+/.exec(letter.text)?.[0]);
    for (const link of [before, inLetter]) expect((await new Browser().open(link)).status).toBe(400);
    const owner = new Browser();
    await press(owner, await owner.open(await keepLink()), 'account-restore-submit');
    expect((await new Browser().open(before)).status).toBe(200);
    const done = await owner.submit(await owner.open(inLetter), {});
    expect([done.url, await outcome()]).toEqual([`${server.issuer}/lockdown/done`, 'failed']);
  });

  it('is gone after the time that the tenant gives, and not before', async () => {
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { accounts: { deletion_grace_days: 3 } } } as never),
    );
    await remove();
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { accounts: null } } as never),
    );
    const link = await keepLink();
    clock.move(3 * daySeconds - 60);
    expect(await purge()).toBe(0);
    expect((await new Browser().open(link)).status).toBe(200);
    clock.move(61);
    expect((await new Browser().open(link)).status).toBe(400);
    const done = await Promise.all([purge(), purge()]);
    expect(done.reduce((sum, one) => sum + one)).toBe(1);
    await expect(user()).rejects.toMatchObject({ status: 404 });
    await letterTo(server, person.email, /is deleted/);
    expect([await events('account.deleted'), await events('user.deleted')]).toEqual([1, 1]);
  });

  it('waits while its tenant is suspended', async () => {
    const { tenants, users } = server.services;
    const tenant = await tenants.create({ slug: 'resting', name: 'Resting' });
    const { withContext } = await import('../../src/platform/context.js');
    const there = <T>(work: () => Promise<T>) => withContext({ tenantId: tenant.id, requestId: 'test' }, work);
    const sleeper = await there(() => users.create({ email: 'sleeper@example.com' }));
    await there(() => users.close(sleeper, clock.now()));
    await tenants.suspend(tenant);
    await purge();
    expect(await there(() => users.find(sleeper.id))).toMatchObject({ id: sleeper.id });
    await tenants.resume(tenant);
    await purge();
    await expect(there(() => users.find(sleeper.id))).rejects.toMatchObject({ status: 404 });
  });

  it.each(['by its owner', 'by an administrator'])(
    'leaves nothing of the person in any table, deleted %s: ids in the record, and no more',
    async (by) => {
      const mark = `trace${Date.now()}`;
      const ua = `Mozilla/5.0 (${mark})`;
      person = await makePerson(server, `${mark}@example.com`);
      class Marked extends Browser {
        override request(url: string, init: RequestInit = {}): Promise<Response> {
          const headers = new Headers(init.headers);
          headers.set('user-agent', ua);
          return super.request(url, { ...init, headers });
        }
      }
      browser = new Marked();
      const form = await signIn(browser, page(), person.email);
      await tokensFor(server, party, person.email, {}, browser);
      await server.inside(async (services) => {
        const now = await user();
        await services.users.update(now, { claims: { name: `Name ${mark}`, phone_number: '+4915112345678' } });
        await services.passwords.verify(person.email, 'wrong');
        await services.devices.trust(now, [], 30);
        await services.recoveryCodes.renew(now);
        await services.passwordLinks.send(now);
        await services.emailChange.request(now, `next-${mark}@example.com`, 'some-session');
        await services.oneTimeTokens.issue('email_change_undo', `${person.id}:x`, {
          data: { from: person.email, to: person.email, at: new Date().toISOString() },
        });
      });
      await delivered(server);
      if (by === 'by its owner') {
        await press(browser, form, 'account-delete');
        await delivered(server);
        clock.move(31 * daySeconds);
        expect(await purge()).toBeGreaterThan(0);
        await delivered(server);
      } else {
        const token = await tokenWith(server, 'users:write');
        expect((await ask(server, token, 'delete', `/users/${person.id}`)).status).toBe(204);
        clock.move(2 * daySeconds);
      }
      clock.move(61);
      await server.services.erasure.finish();
      await new Sweeper(server.services.db, clock, retentions).run();
      const found = (words: string) => async () =>
        (await everyTable(server)).filter(({ text }) => text.includes(words)).map(({ where }) => where);
      // A letter that was sent lies sealed in the mailbox of development only.
      expect(await found(mark)()).toEqual([]);
      expect(await found('4915112345678')()).toEqual([]);
      const ids = new Set(await found(person.id)());
      expect([...ids].filter((where) => !/^public\.audit_events\.(data|actor_id)$/.test(where))).toEqual([]);
      const rows = await server.services.db.manager.query(
        `SELECT data, ip, user_agent, actor_type FROM audit_events WHERE data ->> 'user_id' = $1 OR actor_id = $1`,
        [person.id],
      );
      expect(rows.length).toBeGreaterThan(3);
      for (const { data, ip, user_agent, actor_type } of rows) {
        // Where an administrator acted, the address is the administrator's.
        if (actor_type !== 'client') expect([ip, user_agent]).toEqual([null, null]);
        expect(Object.keys(data)).not.toContain('subject_hash');
      }
    },
    60_000,
  );

  it('keeps the last administrator, also of two who leave', async () => {
    const [first, last] = [await makePerson(server), await makePerson(server)];
    await server.inside(async ({ users }) => {
      for (const { id } of [first, last]) await users.setRoles(await users.find(id), ['ADMIN']);
    });
    await remove(new Browser(), first.email);
    const refused = await remove(new Browser(), last.email);
    expect([refused.status, refused.html.includes('id="account-delete"')]).toEqual([422, true]);
    const now = await server.inside(({ users }) => users.find(last.id));
    expect(now.deletionAt).toBeNull();
  });

  it('is told to the management API, which can disable it all the same', async () => {
    await remove();
    const token = await tokenWith(server, 'users:read users:write');
    const { body } = await ask(server, token, 'get', `/users/${person.id}`);
    expect(Date.parse(String(body.deletion_at))).toBeGreaterThan(clock.now().getTime());
    expect((await ask(server, token, 'put', `/users/${person.id}/suspension`)).status).toBe(204);
    expect((await ask(server, token, 'delete', `/users/${person.id}/suspension`)).status).toBe(204);
    expect(await outcome()).toBe('failed');
  });

  it('is taken back by the management API at their request: they are told, and the link in the letter ends with it', async () => {
    await remove();
    const link = await keepLink();
    const token = await tokenWith(server, 'users:write');
    const { status, body } = await ask(server, token, 'delete', `/users/${person.id}/deletion`);
    expect([status, body.deletion_at]).toEqual([200, null]);
    expect([await outcome(), (await new Browser().open(link)).status]).toEqual(['ok', 400]);
    expect(await events('account.deletion_withdrawn')).toBe(1);
    const letter = await letterTo(server, person.email, /An administrator has taken back the deletion/);
    expect(letter.text).toContain(page());
    const left = `SELECT 1 FROM one_time_tokens WHERE purpose = 'account_deletion_undo' AND subject = $1`;
    expect(await server.services.db.manager.query(left, [person.id])).toEqual([]);
    expect((await ask(server, token, 'delete', `/users/${person.id}/deletion`)).status).toBe(200);
    await delivered(server);
    const told = async () =>
      (await lettersTo(server, person.email)).filter(({ text }) => text.includes('An administrator has taken')).length;
    expect(await told()).toBe(1);
    // By their own word nobody tells them.
    await server.inside(async ({ accountDeletion }) => accountDeletion.request(await user()));
    const again = await server.inside(async ({ oneTimeTokens }) =>
      oneTimeTokens.issue('account_deletion_undo', person.id, { data: { email: person.email } }),
    );
    await server.inside(({ accountDeletion }) => accountDeletion.restore(again));
    await delivered(server);
    expect(await told()).toBe(1);
    expect(await events('account.deletion_withdrawn')).toBe(2);
    clock.move(31 * daySeconds);
    await purge();
    expect(await user()).toMatchObject({ email: person.email });
  });
});
