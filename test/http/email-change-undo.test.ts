import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generate } from 'otplib';
import { changeEmail, press, undoLink } from '../support/account-life.js';
import { Authenticator } from '../support/authenticator.js';
import { Browser } from '../support/browser.js';
import { delivered, lettersTo, letterTo, linkIn } from '../support/mailbox.js';
import { makeClient, makePerson, type Party, password, refresh, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('a change of address that the old mailbox takes back (OWASP ASVS 5.0 V6.3.7)', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let browser: Browser;
  let wanted: string;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
    browser = new Browser();
    wanted = `new-${person.email}`;
  });

  const linkTo = (email = person.email) => undoLink(server, email);
  const user = () => server.inside(({ users }) => users.find(person.id));
  const change = (to = wanted, from = person.email) => changeEmail(server, browser, from, to);
  const pressUndo = async (link: string) => {
    const other = new Browser();
    return press(other, await other.open(link), 'email-undo-submit');
  };
  const verify = (email: string, secret = password) =>
    server.inside(({ passwords }) => passwords.verify(email, secret)).then(({ outcome }) => outcome);
  const events = async (name: string) =>
    (
      await server.services.db.manager.query(`SELECT 1 FROM audit_events WHERE name = $1 AND data ->> 'user_id' = $2`, [
        name,
        person.id,
      ])
    ).length;

  it('is the old one again: everybody is out, the password is dead, and the way goes to another one', async () => {
    const tokens = await tokensFor(server, party, person.email);
    await server.inside(async ({ devices }) => devices.trust(await user(), [], 30));
    await change();
    const link = await linkTo();
    expect((await new Browser().open(link)).status).toBe(200);
    expect(await user()).toMatchObject({ email: wanted });
    const next = await pressUndo(link);
    expect(next.url).toContain('/password?token=');
    expect(next.html).toContain(person.email);
    expect(await user()).toMatchObject({ email: person.email, emailVerified: true });
    expect([await verify(wanted), await verify(person.email)]).toEqual(['failed', 'failed']);
    expect((await refresh(server, party, String(tokens.refresh_token))).body.error).toBe('invalid_grant');
    expect(await server.inside(({ devices }) => devices.trustedOf(person))).toEqual([]);
    expect((await browser.open(`${server.issuer}/account/email`)).html).not.toContain('account-email-save');
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
        await totp.confirm(await user(), offer, await generate({ secret: offer.secret }));
        await recoveryCodes.renew(await user());
      });
    const left = async () => {
      const { totp, recovery_codes } = await server.inside(({ secondFactors }) => secondFactors.of(person.id));
      return [totp, recovery_codes];
    };
    await change();
    await enrol();
    await pressUndo(await linkTo());
    // The account had none before: what a mailbox alone can do takes no first factor away.
    expect(await left()).toEqual([true, 10]);
    await server.inside(async ({ passwords }) => passwords.set(await user(), password));
    for (const table of ['totp_credentials', 'recovery_codes'])
      await manager.query(`UPDATE ${table} SET created_at = now() - interval '9 days' WHERE user_id = $1`, [person.id]);
    await server.inside(async ({ emailChange, oneTimeTokens, users }) => {
      const data = { from: person.email, to: `b-${wanted}`, at: new Date().toISOString() };
      await users.update(await user(), { email: `b-${wanted}` });
      await emailChange.undo(await oneTimeTokens.issue('email_change_undo', `${person.id}:b`, { data }));
    });
    expect(await left()).toEqual([true, 10]);
    // Older than the change is the authenticator alone.
    await server.inside(async ({ emailChange, oneTimeTokens, recoveryCodes, users }) => {
      await recoveryCodes.renew(await user());
      const data = { from: person.email, to: `c-${wanted}`, at: new Date().toISOString() };
      await users.update(await user(), { email: `c-${wanted}` });
      await emailChange.undo(await oneTimeTokens.issue('email_change_undo', `${person.id}:c`, { data }));
    });
    expect(await left()).toEqual([true, 0]);
  });

  it('leaves no passkey as a way in by itself, however old: it may be the one of whoever changed the address', async () => {
    const authenticator = new Authenticator({ origin: new URL(server.issuer).origin });
    await server.inside(async ({ passkeyCeremonies }) => {
      const options = await passkeyCeremonies.registrationOptions(await user(), 'flow');
      await passkeyCeremonies.register(await user(), 'flow', authenticator.create(options));
    });
    const { manager } = server.services.db;
    await manager.query(`UPDATE passkeys SET created_at = now() - interval '9 days' WHERE user_id = $1`, [person.id]);
    await server.inside(async ({ emailChange, oneTimeTokens, users }) => {
      const data = { from: person.email, to: wanted, at: new Date().toISOString() };
      await users.update(await user(), { email: wanted });
      await emailChange.undo(await oneTimeTokens.issue('email_change_undo', `${person.id}:x`, { data }));
    });
    const alone = await server.inside(async ({ passkeyCeremonies }) => {
      const options = await passkeyCeremonies.authenticationOptions('flow');
      return passkeyCeremonies.authenticate('flow', authenticator.get(options));
    });
    expect([(await manager.query('SELECT 1 FROM passkeys WHERE user_id = $1', [person.id])).length, alone]).toEqual([
      1,
      undefined,
    ]);
  });

  it('leaves "This was not me" in the letters that came there before as good as it was', async () => {
    const link = await server.inside(async ({ lockdownLinks }) => lockdownLinks.issue(await user()));
    await change();
    expect((await new Browser().open(link)).status).toBe(400);
    await pressUndo(await linkTo());
    const own = new Browser();
    const done = await own.submit(await own.open(link), {});
    expect(done.url).toBe(`${server.issuer}/lockdown/done`);
  });

  it('works after a second change too, and ends the way back to what came in between', async () => {
    await change();
    const first = await linkTo();
    await change(`third-${wanted}`, wanted);
    const second = await linkTo(wanted);
    await pressUndo(first);
    expect(await user()).toMatchObject({ email: person.email });
    expect((await new Browser().open(second)).status).toBe(400);
  });

  it('leaves the older way back where the newer was taken', async () => {
    await change();
    const first = await linkTo();
    await change(`third-${wanted}`, wanted);
    await pressUndo(await linkTo(wanted));
    expect(await user()).toMatchObject({ email: wanted });
    await pressUndo(first);
    expect(await user()).toMatchObject({ email: person.email });
  });

  it('calls off a deletion that was asked for meanwhile', async () => {
    await change();
    await server.inside(async ({ accountDeletion }) => accountDeletion.request(await user()));
    const deletion = await letterTo(server, wanted, /account-restore/);
    await pressUndo(await linkTo());
    expect(await user()).toMatchObject({ email: person.email, deletionAt: null });
    expect((await new Browser().open(linkIn(deletion))).status).toBe(400);
  });

  it('gives the address back over an account that nobody has proved, and not over one that somebody has', async () => {
    await change();
    const link = await linkTo();
    await server.inside(async ({ tenants, registration }) => {
      await tenants.update(await tenants.current(), {
        settings: { authentication: { registration: 'open' } },
      } as never);
      await registration.register({ email: person.email, password: 'a squatter sits here', flow: 'squatter' });
    });
    const squatter = await server.inside(({ users }) => users.findByEmail(person.email));
    expect(squatter?.id).not.toBe(person.id);
    const prove = (verified: boolean) =>
      server.services.db.manager.query('UPDATE users SET email_verified = $2 WHERE id = $1', [squatter?.id, verified]);
    await prove(true);
    const refused = await pressUndo(link);
    expect([refused.status, refused.html.includes('email-undo-submit')]).toEqual([409, true]);
    expect(await user()).toMatchObject({ email: wanted });
    expect(await verify(wanted)).toBe('ok');
    await prove(false);
    await pressUndo(link);
    expect(await user()).toMatchObject({ email: person.email });
    expect(await verify(person.email, 'a squatter sits here')).toBe('failed');
  });

  it('is good still where an administrator was asked for a third address: whoever changed the first may have asked', async () => {
    await change();
    const link = await linkTo();
    await server.inside(async ({ users }) => users.update(await user(), { email: `helped-${wanted}` }));
    const next = await pressUndo(link);
    expect(next.url).toContain('/password?token=');
    expect(await user()).toMatchObject({ email: person.email, emailVerified: true });
  });

  it('is not to be had for the address that an administrator has moved the account from', async () => {
    await change();
    const link = await linkTo();
    await server.inside(async ({ users }) => {
      await users.update(await user(), { email: person.email });
      await users.update(await user(), { email: `helped-${wanted}` });
    });
    expect((await new Browser().open(link)).status).toBe(400);
    await expect(
      server.inside(({ emailChange }) => emailChange.undo(String(new URL(link).searchParams.get('token')))),
    ).rejects.toMatchObject({ code: 'invalid_link' });
  });

  it('leads nobody back to what came after the address that an administrator has given back', async () => {
    await change();
    const first = await linkTo();
    await change(`further-${wanted}`, wanted);
    const second = await linkTo(wanted);
    await server.inside(async ({ users }) => users.update(await user(), { email: person.email }));
    for (const link of [first, second]) expect((await new Browser().open(link)).status).toBe(400);
  });

  it('leads only back to the first where an administrator was asked for another', async () => {
    await change();
    const first = await linkTo();
    await change(`further-${wanted}`, wanted);
    const second = await linkTo(wanted);
    await server.inside(async ({ users }) => users.update(await user(), { email: `helped-${wanted}` }));
    expect((await new Browser().open(second)).status).toBe(400);
    expect((await new Browser().open(first)).status).toBe(200);
  });

  it('remembers nothing that the other person allowed, and knows neither their browser nor their network', async () => {
    await tokensFor(server, await makeClient(server), person.email);
    await change();
    await pressUndo(await linkTo());
    const { manager } = server.services.db;
    const of = (sql: string) => manager.query(sql, [person.id]);
    expect(
      await of(`SELECT 1 FROM grants WHERE account_id = $1 AND end_reason IS DISTINCT FROM 'account_ended'`),
    ).toEqual([]);
    for (const table of ['devices', 'known_networks'])
      expect(await of(`SELECT 1 FROM ${table} WHERE user_id = $1`)).toEqual([]);
    expect(await of('SELECT 1 FROM users WHERE id = $1 AND locked_down_at IS NOT NULL')).toHaveLength(1);
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
    expect((await new Browser().open(`${server.issuer}/email-undo?token=${token}`)).status).toBe(400);
  });

  it('works once for many at a time', async () => {
    await change();
    const token = String(new URL(await linkTo()).searchParams.get('token'));
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => server.inside(({ emailChange }) => emailChange.undo(token))),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await events('email_change.undone')).toBe(1);
  });
});
