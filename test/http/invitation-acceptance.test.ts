import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import { fieldsOf, press } from '../support/account-life.js';
import { Browser, type Page } from '../support/browser.js';
import { MovedClock } from '../support/clock.js';
import {
  answer,
  asPerson,
  eventsOf,
  invitationLink,
  invite,
  makeMember,
  makeOrganization,
  membershipOf,
  newName,
} from '../support/invitations.js';
import { nameOf, withoutNonces } from '../support/journey.js';
import { letterTo, linkIn } from '../support/mailbox.js';
import { makePerson, password, signIn } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { generous } from '../support/sign-in-letters.js';

describe('answering an invitation', () => {
  const clock = new MovedClock();
  let server: TestServer;
  let acme: Organization;
  let person: { id: string; email: string };
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer({ overrides: { clock, letters: generous } });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    await setPolicy(server, {});
    acme = await makeOrganization(server);
    person = await makePerson(server);
    browser = new Browser();
  });

  const asked = async (email = person.email, more: object = {}) => {
    const invitation = await invite(server, acme, { email, ...more } as never);
    return { invitation, link: await invitationLink(server, email) };
  };
  const stateOf = async (id: string) => (await server.inside(({ invitations }) => invitations.find(acme, id))).state;
  const isMember = async (id = person.id) => (await membershipOf(server, acme, id)) !== undefined;
  const account = () => `${server.issuer}/account`;
  const signedIn = async (email = person.email) => {
    await signIn(browser, account(), email);
    return browser;
  };
  const give = (page: Page, email: string) =>
    signIn({ ...browser, open: async () => page, submit: browser.submit.bind(browser) } as never, '', email);
  const joined = (page: Page) => page.html.includes('invitation-go') && page.html.includes('You have joined');

  it('whoever is signed in with the address joins at once, with exactly what was offered', async () => {
    const { invitation, link } = await asked(person.email, { role: 'admin', permissions: ['invoices:read'] });
    await signedIn();
    expect(joined(await answer(browser, link, 'accept'))).toBe(true);
    expect(await membershipOf(server, acme, person.id)).toMatchObject({
      role: 'admin',
      permissions: ['invoices:read'],
    });
    const row = await server.inside(({ invitations }) => invitations.find(acme, invitation.id));
    expect(row).toMatchObject({ state: 'accepted', acceptedBy: person.id });
    expect(await eventsOf(server, invitation.id)).toEqual(['invitation.created', 'invitation.accepted']);
  });

  it('opening the link answers nothing, however often, and names who asks, into what and as what', async () => {
    const { invitation, link } = await asked(person.email, { role: 'owner', message: 'Come <b>in</b>' });
    for (const visitor of [browser, new Browser(), await signedIn()]) {
      const page = await visitor.open(link);
      expect(page.status).toBe(200);
      expect(page.html).toContain('Acme &amp; Söhne');
      expect(page.html).toContain('You would be an owner');
      expect(page.html).toContain('Come &lt;b&gt;in&lt;/b&gt;');
      expect(page.headers.get('referrer-policy')).toBe('no-referrer');
      expect(page.headers.get('cache-control')).toBe('no-store');
    }
    expect([await stateOf(invitation.id), await isMember()]).toEqual(['pending', false]);
  });

  it('the page is the same whether or not the address has an account', async () => {
    const [known, unknown] = [await asked(), await asked(`nobody-${newName()}@example.com`)];
    const pages = [await new Browser().open(known.link), await new Browser().open(unknown.link)];
    const [one, other] = pages.map((page) => withoutNonces(page).replace(/value="[\w-]{43}"/g, ''));
    expect(one).toBe(other);
  });

  it('declining needs no account, and nobody answers twice', async () => {
    const { invitation, link } = await asked(`nobody-${newName()}@example.com`);
    const page = await answer(browser, link, 'decline');
    expect([page.status, page.html]).toEqual([200, expect.stringContaining('You have declined')]);
    expect(await stateOf(invitation.id)).toBe('declined');
    expect((await browser.open(link)).status).toBe(400);
    expect(await eventsOf(server, invitation.id)).toEqual(['invitation.created', 'invitation.declined']);
  });

  describe('nobody is signed in', () => {
    it('whoever has an account signs in and is a member', async () => {
      const { link } = await asked();
      const page = await answer(browser, link, 'accept');
      expect(page.url).toContain('/interaction/');
      expect(page.html).toContain(person.email);
      expect(page.url + page.html).not.toContain(String(new URL(link).searchParams.get('token')));
      expect(joined(await give(page, person.email))).toBe(true);
      expect(await isMember()).toBe(true);
    });

    it('whoever has none makes one, proves the address, and is a member', async () => {
      await setPolicy(server, { registration: 'open' });
      const email = `new-${newName()}@example.com`;
      const { link } = await asked(email);
      const form = await answer(browser, link, 'accept');
      expect(form.html).toContain('register-submit');
      expect(form.html).toContain(email);
      await browser.submit(form, { username: email, name: 'Nora New', password });
      const user = await server.inside(({ users }) => users.findByEmail(email));
      expect(await isMember(user?.id)).toBe(false);
      const confirm = await browser.open(linkIn(await letterTo(server, email, /verify-email/)));
      expect(joined(await browser.submit(confirm, {}))).toBe(true);
      expect(await isMember(user?.id)).toBe(true);
    });

    it('where nobody makes an account themselves, the page says so, and the invitation stays good', async () => {
      const email = `new-${newName()}@example.com`;
      const { invitation, link } = await asked(email);
      const page = await answer(browser, link, 'accept');
      expect([page.status, page.html]).toEqual([403, expect.stringContaining('You need an account first')]);
      expect(await stateOf(invitation.id)).toBe('pending');
      await makePerson(server, email);
      expect(joined(await give(await answer(browser, link, 'accept'), email))).toBe(true);
    });

    it('whoever signs in as somebody else is told so, and joins nothing', async () => {
      const { invitation, link } = await asked();
      const other = await makePerson(server);
      const page = await answer(browser, link, 'accept');
      const theirs = await signIn(browser, page.url, other.email);
      expect(await isMember(other.id)).toBe(false);
      expect([theirs.status, await stateOf(invitation.id)]).toEqual([409, 'pending']);
    });
  });

  describe('somebody else is signed in: a forwarded link gives nothing to whoever only knows it', () => {
    it('they are told whom it is for, and the right one can sign in', async () => {
      const { invitation, link } = await asked();
      const other = await makePerson(server);
      await signedIn(other.email);
      const page = await answer(browser, link, 'accept');
      expect([page.status, page.html]).toEqual([
        409,
        expect.stringContaining('This invitation is for another address'),
      ]);
      expect([await isMember(), await isMember(other.id), await stateOf(invitation.id)]).toEqual([
        false,
        false,
        'pending',
      ]);
      const again = await press(browser, page, 'invitation-sign-in');
      expect(again.url).toContain('/interaction/');
      const end = await give(again, person.email);
      expect(joined(end)).toBe(true);
      expect([await isMember(), await isMember(other.id)]).toEqual([true, false]);
    });

    it('an address that only looks alike is another one', async () => {
      const { link } = await asked();
      for (const email of [`${person.email}.example.com`, person.email.replace('@', '+a@'), `x${person.email}`]) {
        browser = new Browser();
        const other = await makePerson(server, email);
        await signedIn(email);
        expect([email, (await answer(browser, link, 'accept')).status]).toEqual([email, 409]);
        expect(await isMember(other.id)).toBe(false);
      }
    });
  });

  describe('an address that is not proved', () => {
    it('is proved first: by a letter of its own, never by the invitation', async () => {
      const user = await server.inside(async ({ users }) => {
        const one = await users.find(person.id);
        return users.update(one, { email_verified: false });
      });
      const { invitation, link } = await asked();
      await signedIn();
      const page = await answer(browser, link, 'accept');
      expect([page.status, page.html]).toEqual([409, expect.stringContaining('Please confirm your address')]);
      expect([await isMember(), await stateOf(invitation.id)]).toEqual([false, 'pending']);
      const sent = await press(browser, page, 'invitation-letter');
      expect(sent.html).toContain('We have sent you an e-mail');
      const confirm = await browser.open(linkIn(await letterTo(server, user.email, /verify-email/)));
      await browser.submit(confirm, {});
      expect(joined(await browser.open(`${account()}/invitation`))).toBe(true);
    });
  });

  describe('what has changed since', () => {
    it.each([
      [
        'taken back',
        async ({ id }: { id: string }) => {
          await server.inside(async ({ invitations }) => invitations.cancel(acme, await invitations.find(acme, id)));
        },
      ],
      ['expired', async () => clock.move(8 * 86_400)],
      ['of a suspended organization', () => server.inside(({ organizations }) => organizations.suspend(acme, 'x'))],
      ['of an organization that is gone', () => server.inside(({ organizations }) => organizations.delete(acme))],
      [
        'used by an older letter',
        async ({ id }: { id: string }) => {
          clock.move(61);
          await server.inside(async ({ invitations }) => invitations.resend(acme, await invitations.find(acme, id)));
        },
      ],
    ] as const)('one that is %s is refused, before and after the button was pressed', async (_what, change) => {
      const { invitation, link } = await asked();
      await signedIn();
      const form = await browser.open(link);
      const visitor = new Browser();
      const waiting = await answer(visitor, link, 'accept');
      await change(invitation as never);
      expect((await browser.submit(form, { answer: 'accept' })).status).toBe(400);
      expect((await browser.submit(form, { answer: 'decline' })).status).toBe(400);
      expect((await browser.open(link)).status).toBe(400);
      expect((await signIn(visitor, waiting.url, person.email)).status).toBe(400);
      expect(await isMember()).toBe(false);
    });

    it('a domain that is not taken any more', async () => {
      const { invitation, link } = await asked();
      await server.inside(({ organizations }) =>
        organizations.update(acme, { settings: { invitations: { denied_domains: ['example.com'] } } } as never),
      );
      await signedIn();
      const page = await answer(browser, link, 'accept');
      expect([page.status, await isMember(), await stateOf(invitation.id)]).toEqual([409, false, 'pending']);
      expect(page.html).toContain('This address is not accepted');
    });

    it('a team that has gone: nobody joins with less than was offered', async () => {
      const [{ id }] = await server.services.db.manager.query(
        `INSERT INTO teams (tenant_id, id, organization_id, slug, name, created_at, updated_at)
         VALUES ($1, gen_random_uuid(), $2, 'team', 'A team', now(), now()) RETURNING id`,
        [acme.tenantId, acme.id],
      );
      const { invitation, link } = await asked(person.email, { teams: [id] });
      await server.services.db.manager.query('DELETE FROM teams WHERE id = $1', [id]);
      await signedIn();
      const page = await answer(browser, link, 'accept');
      expect([page.status, await isMember(), await stateOf(invitation.id)]).toEqual([409, false, 'pending']);
      expect(page.html).toContain('This invitation is out of date');
    });

    it('what an owner who was removed has offered is good no more', async () => {
      const owner = await makeMember(server, acme, 'owner');
      await makeMember(server, acme, 'owner');
      await asPerson(server, owner, ({ invitations }) =>
        invitations.create(acme, { email: person.email, role: 'owner' }),
      );
      await server.inside(({ memberships }) => memberships.remove(acme, owner.id));
      await signedIn();
      expect((await browser.open(await invitationLink(server, person.email))).status).toBe(400);
      expect(await isMember()).toBe(false);
    });

    it('whoever is a member already, by the address they had before, hears it and stays what they are', async () => {
      const before = person.email;
      const now = `later-${before}`;
      await server.inside(({ memberships }) => memberships.add(acme, { user_id: person.id }, { kind: 'added' }));
      const { link } = await asked(now, { role: 'owner' });
      await server.services.db.manager.query('UPDATE users SET email = $2, email_normalized = $2 WHERE id = $1', [
        person.id,
        now,
      ]);
      person = { ...person, email: now };
      await signedIn();
      const page = await answer(browser, link, 'accept');
      expect([page.status, page.html]).toEqual([409, expect.stringContaining('You are a member already')]);
      expect(await membershipOf(server, acme, person.id)).toMatchObject({ role: 'member' });
    });

    it('an account that is disabled, or whose session has ended, joins nothing', async () => {
      const { link } = await asked();
      await signedIn();
      const form = await browser.open(link);
      await server.inside(async ({ users }) => users.disable(await users.find(person.id)));
      const page = await browser.submit(form, { answer: 'accept' });
      expect(page.html).not.toContain('You have joined');
      expect(await isMember()).toBe(false);
    });
  });

  describe('the button', () => {
    it('is pressed on our own page alone (CSRF)', async () => {
      const { invitation, link } = await asked();
      await signedIn();
      const fields = fieldsOf(await browser.open(link), 'invitation-accept');
      const post = (body: Record<string, string>, headers: Record<string, string>) =>
        browser.request(`${server.issuer}/invitation`, { method: 'POST', body: new URLSearchParams(body), headers });
      const { origin } = new URL(server.issuer);
      const evil = await post({ ...fields, answer: 'accept' }, { origin: 'https://evil.example' });
      const without = await post({ ...fields, csrf: '', answer: 'accept' }, { origin });
      expect([evil.status, without.status]).toEqual([403, 403]);
      expect([await isMember(), await stateOf(invitation.id)]).toEqual([false, 'pending']);
    });

    it('what it leaves is in no address, is not to be read, and is good for nobody else', async () => {
      const { link } = await asked();
      const token = String(new URL(link).searchParams.get('token'));
      const form = await browser.open(link);
      const response = await browser.request(`${server.issuer}/invitation`, {
        method: 'POST',
        body: new URLSearchParams({ ...fieldsOf(form, 'invitation-accept'), answer: 'accept' }),
        headers: { origin: new URL(server.issuer).origin },
      });
      expect([response.status, response.headers.get('location')]).toEqual([303, '/account/invitation']);
      const [cookie = ''] = response.headers.getSetCookie().filter((line) => line.startsWith('ostiary_invitation_'));
      expect(cookie).toMatch(/; path=\/; max-age=7200; samesite=lax; httponly$/);
      expect(decodeURIComponent(cookie)).not.toContain(token);
      expect(server.log.join('\n')).not.toContain(token);
      expect((await new Browser().open(`${account()}/invitation`)).status).toBe(400);
      for (const forged of ['x', Buffer.from(token).toString('base64url'), `${cookie.slice(0, -60)}AAAA`]) {
        const other = await new Browser().request(`${account()}/invitation`, {
          headers: { cookie: `${cookie.split('=')[0]}=${forged.split(';')[0]}` },
        });
        expect(other.status).toBe(400);
      }
    });

    it('goes on for two hours, and ends with the answer', async () => {
      const { link } = await asked();
      const waiting = await answer(browser, link, 'accept');
      expect(nameOf(waiting)).toBe('identifier');
      clock.move(2 * 3600);
      expect((await browser.open(`${account()}/invitation`)).status).toBe(400);
      clock.reset();
      await signedIn();
      expect(joined(await answer(browser, link, 'accept'))).toBe(true);
      expect([...browser.cookies.keys()].filter((name) => name.startsWith('ostiary_invitation'))).toEqual([]);
      expect((await browser.open(`${account()}/invitation`)).status).toBe(400);
    });

    it('is pressed fifty times at once: one membership, one record', async () => {
      const { invitation, link } = await asked();
      await signedIn();
      const form = await browser.open(link);
      const pages = await Promise.all(Array.from({ length: 50 }, () => browser.submit(form, { answer: 'accept' })));
      expect(pages.filter(joined)).toHaveLength(1);
      for (const { status } of pages) expect([200, 400]).toContain(status);
      expect(await eventsOf(server, invitation.id)).toEqual(['invitation.created', 'invitation.accepted']);
    });
  });

  it('of who is gone no invitation stays, whatever became of it, and theirs who invited lose their name alone', async () => {
    const other = await makePerson(server);
    const owner = await makeMember(server, acme, 'owner');
    await makeMember(server, acme, 'owner');
    const mine = await asPerson(server, owner, ({ invitations }) => invitations.create(acme, { email: person.email }));
    const theirs = await asPerson(server, owner, ({ invitations }) => invitations.create(acme, { email: other.email }));
    const before = await asked(`former-${newName()}@example.com`);
    await server.services.db.manager.query(
      `UPDATE organization_invitations SET state = 'accepted', decided_at = now(), accepted_by = $2 WHERE id = $1`,
      [before.invitation.id, person.id],
    );
    await server.inside(async ({ users }) => {
      await users.delete(person);
      await users.delete(owner);
    });
    const left = await server.services.db.manager.query(
      'SELECT id, invited_by FROM organization_invitations WHERE organization_id = $1',
      [acme.id],
    );
    expect(left).toEqual([{ id: theirs.id, invited_by: null }]);
    expect(mine.id).not.toBe(theirs.id);
  });

  it('stands in the copy of what is kept about whoever was invited', async () => {
    await asked(person.email, { message: 'For you' });
    const user = await server.inside(({ users }) => users.find(person.id));
    let copy = '';
    for await (const part of await server.inside(({ dataExport }) => dataExport.of(user))) copy += part;
    expect(JSON.parse(copy).invitations).toMatchObject([{ email: person.email, message: 'For you', state: 'pending' }]);
  });

  it('a link of another purpose, or of another tenant, is no invitation', async () => {
    const other = await server.inside(({ oneTimeTokens }) =>
      oneTimeTokens.issue('lockdown', person.id, { data: { email: person.email } }),
    );
    expect((await browser.open(`${server.issuer}/invitation?token=${other}`)).status).toBe(400);
    const { link } = await asked();
    const token = String(new URL(link).searchParams.get('token'));
    for (const path of ['lockdown', 'verify-email', 'password', 'setup'])
      expect((await browser.open(`${server.issuer}/${path}?token=${token}`)).status).toBe(400);
  });
});
