import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { changeEmail, confirmLink, fieldsOf, press, undoLink, wishFor } from '../support/account-life.js';
import { Browser, type Page } from '../support/browser.js';
import { giveNameAndPassword, send, withoutNonces } from '../support/journey.js';
import { delivered, lettersTo, letterTo, linkIn } from '../support/mailbox.js';
import { makePerson, password, signIn } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

interface Person {
  id: string;
  email: string;
}

describe('another address for an account (OWASP ASVS 5.0 V6.3.7, V7.5.1, V7.5.3)', () => {
  let server: TestServer;
  let person: Person;
  let browser: Browser;
  let wanted: string;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
    browser = new Browser();
    wanted = `new-${person.email}`;
  });

  const page = (at = '/account/email') => `${server.issuer}${at}`;
  const mine = ({ html }: Page) => html.includes('account-email-save');
  const ask = (email: string, who = browser, as = person.email) => wishFor(server, who, as, email);
  const linkTo = (email = wanted) => confirmLink(server, email);
  const confirm = (form: Page, who = browser) => press(who, form, 'account-email-confirm');
  const user = () => server.inside(({ users }) => users.find(person.id));
  const verify = (email: string) =>
    server.inside(({ passwords }) => passwords.verify(email, password)).then(({ outcome }) => outcome);
  const events = async (name: string) =>
    (
      await server.services.db.manager.query(`SELECT 1 FROM audit_events WHERE name = $1 AND data ->> 'user_id' = $2`, [
        name,
        person.id,
      ])
    ).length;

  it('is the new one when its mailbox was proved by a click, and not before', async () => {
    const asked = await ask(wanted);
    expect(asked.url).toContain('/account/email?done=');
    const link = await linkTo();
    for (const scanner of [new Browser(), browser]) await scanner.open(link);
    expect(await user()).toMatchObject({ email: person.email });
    const done = await confirm(await browser.open(link));
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

  it('is to be had where somebody has registered it without proving it, and they lose it', async () => {
    await server.inside(async ({ tenants, registration }) => {
      const settings = { authentication: { registration: 'open' } };
      await tenants.update(await tenants.current(), { settings } as never);
      await registration.register({ email: wanted, password: 'a squatter sits here', flow: 'squatter' });
    });
    const squatter = await server.inside(({ users }) => users.findByEmail(wanted));
    await ask(wanted);
    await confirm(await browser.open(await linkTo()));
    expect(await user()).toMatchObject({ email: wanted, emailVerified: true });
    await expect(server.inside(({ users }) => users.find(String(squatter?.id)))).rejects.toMatchObject({ status: 404 });
    // Whoever proves it in the meantime keeps it.
    const second = `second-${person.email}`;
    await server.inside(({ registration }) =>
      registration.register({ email: second, password: 'a squatter sits here', flow: 'owner' }),
    );
    await ask(second, browser, wanted);
    const form = await browser.open(await linkTo(second));
    await server.inside(async ({ users, emailVerification, oneTimeTokens }) => {
      const owner = await users.findByEmail(second);
      const data = { email: second };
      const token = await oneTimeTokens.issue('email_verification', String(owner?.id), { data });
      await emailVerification.confirm(token, { flow: 'owner' });
    });
    expect((await confirm(form)).status).toBe(422);
    expect(await user()).toMatchObject({ email: wanted });
  });

  it('is asked for again where it is none, or the one there is', async () => {
    for (const email of [
      '',
      'maria',
      'a b@example.com',
      `${'x'.repeat(300)}@example.com`,
      person.email.toUpperCase(),
    ]) {
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
    const fields = { ...fieldsOf(form, 'account-email-save'), email: wanted };
    expect((await send(browser, page(), fields, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await send(browser, page(), { email: wanted })).status).toBe(403);
    expect((await send(browser, page(), { ...fields, csrf: 'x.y' })).status).toBe(403);
    expect(await events('email_change.requested')).toBe(0);
  });

  describe('the link to confirm', () => {
    it('is good in the session that asked for it only, whoever else opens it', async () => {
      await ask(wanted);
      const link = await linkTo();
      const [elsewhere, stranger] = [new Browser(), new Browser()];
      await signIn(elsewhere, page(), person.email);
      await signIn(stranger, page(), (await makePerson(server)).email);
      for (const other of [elsewhere, stranger]) {
        const opened = await other.open(link);
        expect([opened.status, opened.html.includes('account-email-confirm')]).toEqual([400, false]);
        const token = String(new URL(link).searchParams.get('token'));
        const fields = { ...fieldsOf(await other.open(page()), 'account-email-save'), token };
        const sent = await send(other, page('/account/email/confirm'), fields);
        expect(sent.status).toBe(400);
      }
      expect(await user()).toMatchObject({ email: person.email });
      await confirm(await browser.open(link));
      expect(await user()).toMatchObject({ email: wanted });
    });

    it('is good after a newer proof was asked for, without another letter', async () => {
      await ask(wanted);
      const form = await browser.open(await linkTo());
      await server.services.db.manager.query(
        `UPDATE sessions SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::bigint - 700)) WHERE account_id = $1`,
        [person.id],
      );
      const asked = await confirm(form);
      expect(asked.html).toContain('name="username"');
      expect(await user()).toMatchObject({ email: person.email });
      const back = await giveNameAndPassword(browser, asked, person.email);
      expect(back.html).toContain('account-email-confirm');
      await confirm(back);
      expect(await user()).toMatchObject({ email: wanted });
    });

    it('dies with a newer one, and works once for many at a time', async () => {
      await ask(wanted);
      const first = await linkTo();
      await ask(`other-${wanted}`);
      const second = await linkTo(`other-${wanted}`);
      expect((await browser.open(first)).status).toBe(400);
      const form = await browser.open(second);
      const fields = fieldsOf(form, 'account-email-confirm');
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => send(browser, page('/account/email/confirm'), fields)),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(9).fill(400)]);
      expect([await events('email.changed'), (await user()).email]).toEqual([1, `other-${wanted}`]);
    });

    it('dies with the address it was asked from, and with a new password', async () => {
      await ask(wanted);
      const first = await linkTo();
      await server.inside(async ({ users }) =>
        users.update(await users.find(person.id), { email: `x${person.email}` }),
      );
      expect((await browser.open(first)).status).toBe(400);
      const again = `again-${wanted}`;
      await ask(again, browser, `x${person.email}`);
      const second = await linkTo(again);
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
      const first = await linkTo();
      await ask(wanted, theirs, other.email);
      await delivered(server);
      const links = (await lettersTo(server, wanted)).map(linkIn);
      const second = links.find((link) => link !== first) ?? '';
      const forms = [await browser.open(first), await theirs.open(second)] as const;
      const done = await Promise.all([confirm(forms[0]), confirm(forms[1], theirs)]);
      expect(done.map(({ status }) => status).sort()).toEqual([200, 422]);
      const rows = await server.services.db.manager.query('SELECT id FROM users WHERE email = $1', [wanted]);
      expect(rows).toHaveLength(1);
    });
  });

  it('ends every link that went to the old one; when it is given back, its owner can say again that it was not them, and nothing else', async () => {
    const issue = () =>
      server.inside(async ({ oneTimeTokens, passwordLinks, lockdownLinks, users }) => {
        const now = await users.find(person.id);
        const data = { email: now.emailNormalized };
        return [
          await passwordLinks.issue(now),
          await lockdownLinks.issue(now),
          `${server.issuer}/verify-email?token=${await oneTimeTokens.issue('email_verification', now.id, { data })}`,
        ];
      });
    const opens = async (links: string[]) =>
      Promise.all(links.map(async (link) => (await new Browser().open(link)).status));
    const before = await issue();
    expect(new Set((await opens(before)).slice(0, 2))).toEqual(new Set([200]));
    await changeEmail(server, browser, person.email, wanted);
    expect((await opens(before)).every((status) => status >= 400)).toBe(true);
    const after = await issue();
    const other = new Browser();
    await press(other, await other.open(await undoLink(server, person.email)), 'email-undo-submit');
    const [reset, notMe, verification] = await opens(before);
    expect([reset, notMe, verification]).toEqual([400, 200, 400]);
    expect((await opens(after)).every((status) => status >= 400)).toBe(true);
  });
});
