import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page, readForm } from '../support/browser.js';
import { send, withoutNonces } from '../support/journey.js';
import { delivered, lettersTo, letterTo, linkIn } from '../support/mailbox.js';
import { makeClient, makePerson, type Party, password, refresh, signIn, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

interface Person {
  id: string;
  email: string;
}

describe('another address for an account (OWASP ASVS 5.0 V6.3.7, V7.5.1, V7.5.3)', () => {
  let server: TestServer;
  let party: Party;
  let person: Person;
  let browser: Browser;
  let wanted: string;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 60_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
    browser = new Browser();
    wanted = `new-${person.email}`;
  });

  const page = (at = '/account/email') => `${server.issuer}${at}`;
  const mine = ({ html }: Page) => html.includes('account-email-save');
  /** The first form that is not the navigation's. */
  const formOf = (one: Page, id: string) => {
    const before = one.html.slice(0, one.html.indexOf(`id="${id}"`));
    return (before.match(/<form/g) ?? []).length - 1;
  };
  async function ask(email: string, who = browser, as = person.email): Promise<Page> {
    const form = await signIn(who, page(), as);
    expect(mine(form)).toBe(true);
    return who.submit(form, { email }, formOf(form, 'account-email-save'));
  }
  const press = (form: Page, id: string, who = browser) => who.submit(form, {}, formOf(form, id));
  const confirmLink = async (to = wanted) => linkIn(await letterTo(server, to, /email\/confirm/));
  const undoLink = async (from = person.email) => linkIn(await letterTo(server, from, /email-undo/));
  const user = () => server.inside(({ users }) => users.find(person.id));
  const change = async (to = wanted, who = browser, from = person.email) => {
    await ask(to, who, from);
    return press(await who.open(await confirmLink(to)), 'account-email-confirm', who);
  };
  const pressUndo = async (link: string) => {
    const other = new Browser();
    return press(await other.open(link), 'email-undo-submit', other);
  };
  const verify = (email: string, secret = password) =>
    server.inside(({ passwords }) => passwords.verify(email, secret)).then(({ outcome }) => outcome);
  const events = async (name: string) =>
    (
      await server.services.db.manager.query(
        `SELECT 1 FROM audit_events WHERE name = $1 AND data ->> 'user_id' = $2`,
        [name, person.id],
      )
    ).length;

  it('is the new one when its mailbox was proved by a click, and not before', async () => {
    const asked = await ask(wanted);
    expect(asked.url).toContain('/account/email?done=');
    const link = await confirmLink();
    for (const scanner of [new Browser(), browser]) await scanner.open(link);
    expect(await user()).toMatchObject({ email: person.email });
    const done = await press(await browser.open(link), 'account-email-confirm');
    expect(done.url).toContain('done=email_changed');
    expect(await user()).toMatchObject({ email: wanted, emailVerified: true });
    expect([await verify(person.email), await verify(wanted)]).toEqual(['failed', 'ok']);
    expect([await events('email_change.requested'), await events('email.changed')]).toEqual([1, 1]);
    expect((await browser.open(link)).status).toBe(400);
    const notice = await letterTo(server, person.email, /email-undo/);
    expect(notice.text).not.toContain(wanted);
    expect(notice.text).toContain('n…@example.com');
  });

  it('tells nobody whether an address has an account: only its owner hears of it, by mail', async () => {
    const owner = await makePerson(server);
    const [free, taken] = [await ask(wanted), await ask(owner.email, browser)];
    expect([taken.status, taken.url, withoutNonces(taken)]).toEqual([free.status, free.url, withoutNonces(free)]);
    await letterTo(server, owner.email, /already have an account/);
    await delivered(server);
    expect((await lettersTo(server, owner.email)).filter(({ text }) => text.includes('token='))).toEqual([]);
    expect(await user()).toMatchObject({ email: person.email });
  });

  it('is asked for again where it is none, or the one there is', async () => {
    for (const email of ['', 'maria', 'a b@example.com', `${'x'.repeat(300)}@example.com`, person.email.toUpperCase()]) {
      const refused = await ask(email);
      expect([refused.status, mine(refused)]).toEqual([422, true]);
    }
  });

  it('takes letters to one address no more than five times an hour', async () => {
    for (let i = 0; i < 5; i += 1) expect((await ask(wanted)).status).toBe(200);
    const refused = await ask(wanted);
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true]);
  });

  it('takes the form from our own page alone', async () => {
    const form = await signIn(browser, page(), person.email);
    const { values } = readForm(form, formOf(form, 'account-email-save'));
    const fields = { ...Object.fromEntries(values), email: wanted };
    expect((await send(browser, page(), fields, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await send(browser, page(), { email: wanted })).status).toBe(403);
    expect((await send(browser, page(), { ...fields, csrf: 'x.y' })).status).toBe(403);
    expect(await events('email_change.requested')).toBe(0);
  });

  describe('the link to confirm', () => {
    it('is good in the session that asked for it only, whoever else opens it', async () => {
      await ask(wanted);
      const link = await confirmLink();
      const [elsewhere, stranger] = [new Browser(), new Browser()];
      await signIn(elsewhere, page(), person.email);
      await signIn(stranger, page(), (await makePerson(server)).email);
      for (const other of [elsewhere, stranger]) {
        const opened = await other.open(link);
        expect([opened.status, opened.html.includes('account-email-confirm')]).toEqual([400, false]);
        const { values } = readForm(await other.open(page()), formOf(await other.open(page()), 'account-email-save'));
        const token = String(new URL(link).searchParams.get('token'));
        const sent = await send(other, page('/account/email/confirm'), { ...Object.fromEntries(values), token });
        expect(sent.status).toBe(400);
      }
      expect(await user()).toMatchObject({ email: person.email });
      await press(await browser.open(link), 'account-email-confirm');
      expect(await user()).toMatchObject({ email: wanted });
    });

    it('dies with a newer one, and works once for many at a time', async () => {
      await ask(wanted);
      const first = await confirmLink();
      await ask(`other-${wanted}`);
      const second = await confirmLink(`other-${wanted}`);
      expect((await browser.open(first)).status).toBe(400);
      const form = await browser.open(second);
      const { values } = readForm(form, formOf(form, 'account-email-confirm'));
      const answers = await Promise.all(
        Array.from({ length: 10 }, () =>
          send(browser, page('/account/email/confirm'), Object.fromEntries(values)),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(9).fill(400)]);
      expect([await events('email.changed'), (await user()).email]).toEqual([1, `other-${wanted}`]);
    });

    it('dies with the address it was asked from, and with a new password', async () => {
      await ask(wanted);
      const first = await confirmLink();
      await server.inside(async ({ users }) => users.update(await users.find(person.id), { email: `x${person.email}` }));
      expect((await browser.open(first)).status).toBe(400);
      const again = `again-${wanted}`;
      await ask(again, browser, `x${person.email}`);
      const second = await confirmLink(again);
      await server.inside(async ({ passwords }) => passwords.set(await user(), 'mountains are patient'));
      await server.inside(async ({ passwords }) => passwords.set(await user(), password));
      const fresh = new Browser();
      await signIn(fresh, page(), `x${person.email}`);
      expect((await fresh.open(second)).status).toBe(400);
    });

    it('lets one of two have an address that both were promised', async () => {
      const other = await makePerson(server);
      const theirs = new Browser();
      await ask(wanted);
      const first = await confirmLink();
      await ask(wanted, theirs, other.email);
      await delivered(server);
      const links = (await lettersTo(server, wanted)).map(linkIn);
      const second = links.find((link) => link !== first) ?? '';
      const forms = [await browser.open(first), await theirs.open(second)] as const;
      const done = await Promise.all([
        press(forms[0], 'account-email-confirm'),
        press(forms[1], 'account-email-confirm', theirs),
      ]);
      expect(done.map(({ status }) => status).sort()).toEqual([200, 422]);
      const rows = await server.services.db.manager.query('SELECT id FROM users WHERE email = $1', [wanted]);
      expect(rows).toHaveLength(1);
    });
  });

  it('ends every link that went to the old one, and none comes alive again when it is given back', async () => {
    const issue = () =>
      server.inside(async ({ oneTimeTokens, passwordLinks, lockdown, users }) => {
        const now = await users.find(person.id);
        const data = { email: now.emailNormalized };
        return [
          await passwordLinks.issue(now),
          await lockdown.issue(now),
          `${server.issuer}/verify-email?token=${await oneTimeTokens.issue('email_verification', now.id, { data })}`,
        ];
      });
    const opens = async (links: string[]) =>
      Promise.all(links.map(async (link) => (await new Browser().open(link)).status));
    const before = await issue();
    expect(new Set((await opens(before)).slice(0, 2))).toEqual(new Set([200]));
    await change();
    expect((await opens(before)).every((status) => status >= 400)).toBe(true);
    const after = await issue();
    await pressUndo(await undoLink());
    expect((await opens([...before, ...after])).every((status) => status >= 400)).toBe(true);
  });

  describe('taken back from the old mailbox', () => {
    it('is the old one again: everybody is out, the password is dead, and the way goes to another one', async () => {
      const tokens = await tokensFor(server, party, person.email);
      await server.inside(async ({ devices }) => devices.trust(await user(), [], 30));
      await change();
      const link = await undoLink();
      expect((await new Browser().open(link)).status).toBe(200);
      expect(await user()).toMatchObject({ email: wanted });
      const next = await pressUndo(link);
      expect(next.url).toContain('/password?token=');
      expect(next.html).toContain(person.email);
      expect(await user()).toMatchObject({ email: person.email, emailVerified: true });
      expect([await verify(wanted), await verify(person.email)]).toEqual(['failed', 'failed']);
      expect((await refresh(server, party, String(tokens.refresh_token))).body.error).toBe('invalid_grant');
      expect(await server.inside(({ devices }) => devices.trustedOf(person))).toEqual([]);
      expect(mine(await browser.open(page()))).toBe(false);
      const own = new Browser();
      await own.submit(next, { password: 'mountains are patient' });
      expect(await verify(person.email, 'mountains are patient')).toBe('ok');
      expect([await events('email_change.undone'), (await new Browser().open(link)).status]).toEqual([1, 400]);
    });

    it('takes along what was added to sign in with around the change, and nothing else', async () => {
      const { manager } = server.services.db;
      const enrol = () =>
        server.inside(async ({ recoveryCodes, totp }) => {
          const offer = totp.offer(await user(), 'Acme', 'flow');
          const { generate } = await import('otplib');
          await totp.confirm(await user(), offer, await generate({ secret: offer.secret }));
          await recoveryCodes.renew(await user());
        });
      const left = async () => (await server.inside(({ secondFactors }) => secondFactors.of(person.id))).totp;
      await change();
      await enrol();
      await pressUndo(await undoLink());
      expect(await left()).toBe(false);
      await server.inside(async ({ passwords }) => passwords.set(await user(), password));
      await enrol();
      for (const table of ['totp_credentials', 'recovery_codes'])
        await manager.query(`UPDATE ${table} SET created_at = now() - interval '3 days' WHERE user_id = $1`, [person.id]);
      await server.inside(async ({ emailChange, oneTimeTokens, users }) => {
        const data = { from: person.email, to: `b-${wanted}`, at: new Date().toISOString() };
        await users.update(await user(), { email: `b-${wanted}` });
        await emailChange.undo(await oneTimeTokens.issue('email_change_undo', `${person.id}:b`, { data }));
      });
      expect(await left()).toBe(true);
    });

    it('works after a second change too, and ends the way back to what came in between', async () => {
      await change();
      const first = await undoLink();
      await change(`third-${wanted}`, browser, wanted);
      const second = await undoLink(wanted);
      await pressUndo(first);
      expect(await user()).toMatchObject({ email: person.email });
      expect((await new Browser().open(second)).status).toBe(400);
    });

    it('leaves the older way back where the newer was taken', async () => {
      await change();
      const first = await undoLink();
      await change(`third-${wanted}`, browser, wanted);
      await pressUndo(await undoLink(wanted));
      expect(await user()).toMatchObject({ email: wanted });
      await pressUndo(first);
      expect(await user()).toMatchObject({ email: person.email });
    });

    it('calls off a deletion that was asked for meanwhile', async () => {
      await change();
      await server.inside(async ({ accountDeletion }) => accountDeletion.request(await user()));
      const [deletion] = await Promise.all([letterTo(server, wanted, /account-restore/)]);
      await pressUndo(await undoLink());
      expect(await user()).toMatchObject({ email: person.email, deletionAt: null });
      expect((await new Browser().open(linkIn(deletion))).status).toBe(400);
    });

    it('gives the address back over an account that nobody has proved, and not over one that somebody has', async () => {
      await change();
      const link = await undoLink();
      await server.inside(async ({ tenants, registration }) => {
        await tenants.update(await tenants.current(), { settings: { authentication: { registration: 'open' } } } as never);
        await registration.register({ email: person.email, password: 'a squatter sits here', flow: 'squatter' });
      });
      const squatter = await server.inside(({ users }) => users.findByEmail(person.email));
      expect(squatter?.id).not.toBe(person.id);
      const owner = squatter && (await server.inside(({ users }) => users.update(squatter, { email_verified: true })));
      const refused = await pressUndo(link);
      expect([refused.status, refused.html.includes('email-undo-submit')]).toEqual([409, true]);
      expect(await user()).toMatchObject({ email: wanted });
      expect(await verify(wanted)).toBe('ok');
      if (owner) await server.inside(({ users }) => users.update(owner, { email_verified: false }));
      await pressUndo(link);
      expect(await user()).toMatchObject({ email: person.email });
      expect(await verify(person.email, 'a squatter sits here')).toBe('failed');
    });

    it('is not offered to a mailbox that was never proved, nor to an account that was disabled', async () => {
      await server.inside(async ({ users }) => users.update(await user(), { email_verified: false }));
      await change();
      await delivered(server);
      expect(await lettersTo(server, person.email)).toEqual([]);
      const token = await server.inside(async ({ oneTimeTokens, users }) => {
        const data = { from: person.email, to: wanted, at: new Date().toISOString() };
        await users.disable(await user());
        return oneTimeTokens.issue('email_change_undo', `${person.id}:x`, { data });
      });
      expect((await new Browser().open(page(`/email-undo?token=${token}`))).status).toBe(400);
    });

    it('works once for many at a time', async () => {
      await change();
      const token = String(new URL(await undoLink()).searchParams.get('token'));
      const results = await Promise.allSettled(
        Array.from({ length: 10 }, () => server.inside(({ emailChange }) => emailChange.undo(token))),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await events('email_change.undone')).toBe(1);
    });
  });
});
