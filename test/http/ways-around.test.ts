// Every way in, and every way somebody might try to go around the second factor that the account has or the tenant requires.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { FirstFactor } from '../../src/features/tenants/authentication-policy.js';
import { Authenticator } from '../support/authenticator.js';
import type { Browser, Page } from '../support/browser.js';
import { Elsewhere, trustingUs } from '../support/elsewhere.js';
import { baseOf, csrfOf, nameOf, resumeOf, send, silently } from '../support/journey.js';
import { delivered, letterTo } from '../support/mailbox.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { StoppedClock } from '../support/clock.js';
import { setPolicy } from '../support/policy.js';
import { totpCode } from '../support/totp.js';
import { startServer, type TestServer } from '../support/server.js';

interface Person {
  id: string;
  email: string;
  secret: string;
  codes: string[];
}

describe('nobody goes past the second factor (OWASP ASVS 5.0 V6.3.1, V6.3.4)', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let victim: Person;
  /** Whoever tries: with the victim's first factor, and an account of their own that has everything. */
  let own: Person;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer({ environment: trustingUs, overrides: { clock } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 60_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    await policy({});
    victim = await somebody();
    own = await somebody();
    browser = new Elsewhere();
    clock.move(60);
  });

  const everything = { first_factors: ['password', 'passkey', 'magic_link', 'email_code'], multi_factor: 'required' };
  let required = true;
  const policy = (more: { multi_factor?: 'off' | 'optional' } & Record<string, unknown>) => {
    required = more.multi_factor === undefined;
    return setPolicy(server, { ...everything, ...more });
  };
  const code = (secret: string) => totpCode(secret, clock.now());

  async function somebody(): Promise<Person> {
    const { id, email } = await makePerson(server);
    return server.inside(async ({ totp, recoveryCodes, users }) => {
      const user = await users.find(id);
      const { secret, ...offer } = totp.offer(user, 'Acme', 'flow');
      await totp.confirm(user, { secret, ...offer }, await code(secret));
      return { id, email, secret, codes: await recoveryCodes.renew(user) };
    });
  }

  const begin = (more: Record<string, string> = {}, visitor = browser) =>
    visitor.open(authorizationUrl(server, party, pkce(), more));

  /** What matches in the newest letter to somebody that has it. */
  async function inMail(email: string, what: RegExp): Promise<string> {
    await delivered(server);
    return what.exec((await letterTo(server, email, what)).text)?.[0] ?? '';
  }

  const asksSecond = (page: Page) => page.html.includes('mfa-submit');
  const asksEnrolment = (page: Page) => page.html.includes('name="offer"');
  /** The first factor was taken, and another one is wanted. */
  const stillOutside = (page: Page): Page => {
    if (required) expect([asksSecond(page) || asksEnrolment(page), page.url]).toEqual([true, page.url]);
    return page;
  };

  /** How each first factor is given, from the first page on. A passkey that is unlocked is both factors; one that is not is none. */
  const waysIn: Record<FirstFactor, ((page: Page, person: Person, visitor: Browser) => Promise<Page>) | string> = {
    password: async (page, { email }, visitor) =>
      stillOutside(await visitor.submit(await visitor.submit(page, { username: email }), { password })),
    email_code: async (page, { email }, visitor) => {
      const asked = await visitor.submit(await visitor.submit(page, { username: email }), { with: 'email_code' });
      return stillOutside(await visitor.submit(asked, { code: await inMail(email, /^\d{6}$/m) }));
    },
    magic_link: async (page, { email }, visitor) => {
      const named = await visitor.submit(page, { username: email });
      const asked = await visitor.submit(named, { with: 'magic_link' });
      expect(asked.status).toBe(200);
      const opened = await visitor.open(await inMail(email, /http\S+sign-in-link\S+/));
      return stillOutside(await visitor.submit(opened, {}));
    },
    passkey: 'alone it is two factors, or nothing',
  };
  type WayIn = (page: Page, person: Person, visitor: Browser) => Promise<Page>;
  const tried = Object.entries(waysIn).filter((way): way is [FirstFactor, WayIn] => typeof way[1] === 'function');

  const step = (page: Page, name: string, fields: Record<string, string> = {}) =>
    send(browser, `${baseOf(page)}/${name}`, { csrf: csrfOf(page), ...fields });

  const sessionsOf = async ({ id }: Pick<Person, 'id'>): Promise<number> =>
    (await server.services.db.manager.query('SELECT 1 FROM sessions WHERE account_id = $1 AND ended_at IS NULL', [id]))
      .length;

  async function fullSignIn(person: Person, visitor: Browser, more: Record<string, string> = {}): Promise<Page> {
    const second = await (waysIn.password as WayIn)(await begin(more, visitor), person, visitor);
    const end = await visitor.submit(second, { code: await code(person.secret), remember_device: 'yes' });
    clock.move(30);
    return end;
  }

  /** Where it ended is returned where that is a page of a sign-in; whoever is in afterwards is looked at in any case. */
  type Around = (at: Page, wayIn: WayIn) => Promise<Page | undefined>;
  const waysAround: Record<string, Around> = {
    'going on where the engine waits': (at) => browser.open(resumeOf(at)),
    'opening the dispatcher again': (at) => browser.open(baseOf(at)),
    'asking silently in a second tab': async () => {
      expect((await silently(server, party, browser)).get('error')).toBe('login_required');
      return undefined;
    },
    'a second tab': () => begin(),
    'the same as a program': async (at) => {
      const program = async (path: string, members: object) => {
        const uid = baseOf(at).split('/').at(-1);
        const response = await browser.request(`${server.issuer}/api/v1/auth/${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json', 'x-csrf-token': csrfOf(at) },
          body: JSON.stringify({ interaction: uid, ...members }),
        });
        expect(response.status).toBeGreaterThanOrEqual(400);
      };
      await program('login', { username: victim.email, password });
      await program('2fa/verify', { code: await code(own.secret) });
      await program('2fa/verify', { email_code: '000000' });
      await program('2fa/send', {});
      await program('recovery-login', { recovery_code: own.codes[0] });
      return browser.open(baseOf(at));
    },
    'the pages of the account': async () => {
      for (const path of ['', '/security', '/security/totp', '/email', '/devices', '/export', '/delete']) {
        const page = await browser.open(`${server.issuer}/account${path}`);
        expect([path, page.html.includes(victim.id) || page.html.includes('account-nav')]).toEqual([path, false]);
      }
      const me = await browser.request(`${server.issuer}/api/v1/auth/me`, { headers: { accept: 'application/json' } });
      expect(me.status).toBe(401);
      return undefined;
    },
    'a session from before it was required': async (_at, wayIn) => {
      await policy({ multi_factor: 'off' });
      await wayIn(await begin(), victim, browser);
      expect(await sessionsOf(victim)).toBe(1);
      await policy({});
      expect((await silently(server, party, browser)).get('error')).not.toBeNull();
      const page = stillOutside(await begin());
      await server.inside(({ protocol }) => protocol.sessions.endAll(victim.id, 'revoked'));
      return page;
    },
    'another address, given by an administrator': async (_at, wayIn) => {
      const email = `new-${victim.email}`;
      await server.inside(async ({ users }) => users.update(await users.find(victim.id), { email }));
      return wayIn(await begin({}, browser), { ...victim, email }, browser);
    },
    'factors that an administrator took away': async (_at, wayIn) => {
      await server.inside(async ({ accountLocks, users }) =>
        accountLocks.removeSecondFactors(await users.find(victim.id)),
      );
      clock.move(1);
      const page = await wayIn(await begin(), victim, browser);
      expect(asksEnrolment(page)).toBe(true);
      return page;
    },
    'the way back for lost factors, before its time': async (at) => {
      await step(at, 'second_factor', { lost: 'yes' });
      const mails = await server.inside(({ mail }) => mail.mailbox(500));
      const text = mails.find(({ to, text: said }) => to === victim.email && said.includes('factor-recovery'))?.text;
      const link = /http\S+factor-recovery\S+/.exec(text ?? '')?.[0];
      if (link) await browser.submit(await browser.open(link), {}).catch(() => undefined);
      return browser.open(baseOf(at));
    },
    'an own account that is left in the middle of setting up a factor': async (_at, wayIn) => {
      const bare = { ...(await makePerson(server)), secret: '', codes: [] };
      const page = await (waysIn.password as WayIn)(await begin(), bare, browser);
      expect(asksEnrolment(page)).toBe(true);
      clock.move(11 * 60);
      return wayIn(await browser.open(`${baseOf(page)}?identify`), victim, browser);
    },
    'the back button, and the first factor again': async (_at, wayIn) => wayIn(await begin(), victim, browser),
    'every other step, out of order': async (at) => {
      for (const [name, fields] of Object.entries<Record<string, string>>({
        login: { username: victim.email, password },
        email_code: { code: '000000' },
        change_password: { password: 'another good passphrase' },
        enrolment: { offer: 'x', code: '000000' },
        recovery_codes: {},
        select_account: { account: 'other' },
        consent: { decision: 'allow' },
        finish: {},
        second_factor: {},
      }))
        await step(at, name, fields);
      return browser.open(baseOf(at));
    },
    'another first factor on top': async (at) => {
      await step(at, 'login', { username: victim.email, with: 'email_code' });
      await step(at, 'login', { username: victim.email, password });
      return browser.open(baseOf(at));
    },
    'the code of one’s own account': async (at) => browser.submit(at, { code: await code(own.secret) }),
    'a recovery code of one’s own account': async (at) =>
      browser.submit(await browser.open(`${baseOf(at)}?with=recovery_code`), { recovery_code: String(own.codes[0]) }),
    'a passkey of one’s own account': async (at) => {
      const authenticator = await passkeyOf(own);
      const options = await server.inside(async ({ passkeyCeremonies, users }) =>
        passkeyCeremonies.authenticationOptions(baseOf(at).split('/').at(-1) ?? '', await users.find(own.id)),
      );
      return step(at, 'second_factor', { passkey: JSON.stringify(authenticator.get(options)) });
    },
    'an offer to set up an authenticator, made for one’s own account': async (at) => {
      const flow = baseOf(at).split('/').at(-1) ?? '';
      const offer = await server.inside(async ({ totp, users }) => totp.offer(await users.find(own.id), 'Acme', flow));
      await step(at, 'enrolment', { offer: offer.sealed, code: await code(offer.secret) });
      return browser.open(baseOf(at));
    },
    'a browser that remembers one’s own account': async (_at, wayIn) => {
      await fullSignIn(own, browser);
      for (const [key, { name }] of browser.cookies) if (!name.includes('ostiary_device')) browser.cookies.delete(key);
      return wayIn(await begin(), victim, browser);
    },
    'the end of a sign-in of one’s own': async (_at, wayIn) => {
      await fullSignIn(own, browser);
      return wayIn(await begin({ prompt: 'login' }), victim, browser);
    },
    'choosing another account beside one’s own': async (_at, wayIn) => {
      await fullSignIn(own, browser);
      const chosen = await browser.submit(await begin({ prompt: 'select_account' }), { account: 'other' });
      return wayIn(chosen, victim, browser);
    },
    'switching the account at the consent': async (_at, wayIn) => {
      const asking = await makeClient(server, { consent_policy: 'explicit' });
      await fullSignIn(own, browser);
      const consent = await browser.open(authorizationUrl(server, asking, pkce(), { prompt: 'consent' }));
      expect(nameOf(consent)).toBe('consent');
      return wayIn(await browser.open(`${baseOf(consent)}/switch`), victim, browser);
    },
    'asking for less': async (_at, wayIn) => wayIn(await begin({ acr_values: 'urn:ostiary:acr:1fa' }), victim, browser),
    'asking for more than there is': async (_at, wayIn) =>
      wayIn(await begin({ acr_values: 'urn:ostiary:acr:phrh' }), victim, browser),
    'a class nobody knows': async (_at, wayIn) =>
      wayIn(await begin({ acr_values: 'urn:example:none' }), victim, browser),
    'a password that was set by a link': async (_at, wayIn) => {
      const link = await server.inside(async ({ passwordLinks, users }) =>
        passwordLinks.issue(await users.find(victim.id)),
      );
      await browser.submit(await browser.open(link), { password });
      expect(await sessionsOf(victim)).toBe(0);
      clock.move(1);
      return wayIn(await begin(), victim, browser);
    },
    'a link to close the account': async (at) => {
      const link = await server.inside(async ({ lockdown, users }) => lockdown.issue(await users.find(victim.id)));
      await browser.submit(await browser.open(link), {});
      return browser.open(baseOf(at));
    },
    'registering the address again': async (_at, wayIn) => {
      await policy({ registration: 'open' });
      const flow = 'x'.repeat(21);
      await server.inside(({ registration }) => registration.register({ email: victim.email, password, flow }));
      return wayIn(await begin(), victim, browser);
    },
    'a browser that was remembered before the password was changed': async (_at, wayIn) => {
      await fullSignIn(victim, browser);
      for (const [key, { name }] of browser.cookies) if (!name.includes('ostiary_device')) browser.cookies.delete(key);
      clock.move(1);
      await server.inside(async ({ passwords, users }) => passwords.set(await users.find(victim.id), password));
      return wayIn(await begin(), victim, browser);
    },
    'a code that was used': async (_at, wayIn) => {
      const second = await wayIn(await begin({}, browser), victim, browser);
      const used = await code(victim.secret);
      await server.inside(async ({ secondFactors, users }) =>
        secondFactors.verify(await users.find(victim.id), 'totp', used),
      );
      return browser.submit(second, { code: used });
    },
    'an authenticator, where the tenant takes passkeys only': async (at) => {
      await passkeyOf(victim);
      await policy({ second_factors: ['passkey'] });
      await step(at, 'second_factor', { code: await code(victim.secret) });
      return browser.open(baseOf(at));
    },
  };

  async function passkeyOf(person: Person): Promise<Authenticator> {
    const authenticator = new Authenticator({ origin: new URL(server.issuer).origin });
    await server.inside(async ({ passkeyCeremonies, users }) => {
      const user = await users.find(person.id);
      const options = await passkeyCeremonies.registrationOptions(user, 'flow');
      await passkeyCeremonies.register(user, 'flow', authenticator.create(options));
    });
    return authenticator;
  }

  describe.each(tried)('in by %s', (_name, wayIn) => {
    it.each(Object.entries(waysAround))('and around by %s: not in', async (_around, around) => {
      const at = await wayIn(await begin(), victim, browser);
      expect(asksSecond(at)).toBe(true);
      const end = await around(at, wayIn);
      if (end) expect(new URL(end.url).searchParams.get('code')).toBeNull();
      expect(await sessionsOf(victim)).toBe(0);
    });
  });

  it('names every first factor there is', () => {
    expect(tried.length).toBeGreaterThan(1);
  });

  describe('where the account has none yet and the tenant requires one', () => {
    let person: Person;
    beforeEach(async () => {
      person = { ...(await makePerson(server)), secret: '', codes: [] };
    });
    const wayIn = waysIn.password as WayIn;

    it.each([
      'urn:ostiary:acr:1fa',
      'urn:ostiary:acr:mfa',
      'urn:ostiary:acr:phr',
      'urn:ostiary:acr:phrh',
      'urn:example:none',
    ])('one is set up, though the request says acr_values=%s', async (acr_values) => {
      const at = await wayIn(await begin({ acr_values }), person, browser);
      expect(new URL(at.url).origin).toBe(new URL(server.issuer).origin);
      expect(await sessionsOf(person)).toBe(0);
      expect(asksEnrolment(at)).toBe(true);
    });

    it.each(['recovery_codes', 'second_factor', 'finish', 'consent'])('nor by going on to %s', async (name) => {
      const at = await wayIn(await begin(), person, browser);
      await step(at, name, {});
      await browser.open(resumeOf(at));
      expect(await sessionsOf(person)).toBe(0);
    });

    it('of two who know the password and set one up, the second does not take the first one’s away', async () => {
      const other = new Elsewhere();
      const mine = await wayIn(await begin(), person, browser);
      const theirs = await wayIn(await begin({}, other), person, other);
      const secretOn = (page: Page) => (/<code>([A-Z2-7 ]+)<\/code>/.exec(page.html)?.[1] ?? '').replaceAll(' ', '');
      const [first, second] = [secretOn(mine), secretOn(theirs)];
      const both = await Promise.all([
        browser.submit(mine, { code: await code(first) }),
        other.submit(theirs, { code: await code(second) }),
      ]);
      const shown = both.filter(({ html }) => /[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}/.test(html));
      expect(shown).toHaveLength(1);
      expect(both.filter(asksSecond)).toHaveLength(1);
    });
  });

  describe('a session that was left open', () => {
    /** Of somebody who has a password only, from before anything was required. */
    async function leftOpen(): Promise<Person> {
      await policy({ multi_factor: 'off' });
      const person = { ...(await makePerson(server)), secret: '', codes: [] };
      await (waysIn.password as WayIn)(await begin(), person, browser);
      expect(await sessionsOf(person)).toBe(1);
      return person;
    }
    const essential = (value: string) => ({
      claims: JSON.stringify({ id_token: { acr: { essential: true, value } } }),
    });

    it('does not let anybody add a factor of theirs: the password is asked first', async () => {
      const person = await leftOpen();
      clock.move(11 * 60);
      const page = await begin(essential('urn:ostiary:acr:mfa'));
      expect(asksEnrolment(page)).toBe(false);
      expect(['identifier', 'password']).toContain(nameOf(page));
      const named = nameOf(page) === 'identifier' ? await browser.submit(page, { username: person.email }) : page;
      expect(asksEnrolment(await browser.submit(named, { password }))).toBe(true);
    });

    it('of a moment ago is enough', async () => {
      await leftOpen();
      clock.move(60);
      expect(asksEnrolment(await begin(essential('urn:ostiary:acr:mfa')))).toBe(true);
    });
  });

  describe('a sign-in on its way when everything of the account was ended', () => {
    const ended: Record<string, () => Promise<unknown>> = {
      'by a new password': () =>
        server.inside(async ({ passwords, users }) =>
          passwords.set(await users.find(victim.id), 'another good passphrase 9'),
        ),
      'by the owner’s word that it was not them': () =>
        server.inside(async ({ lockdown, users }) => {
          const link = await lockdown.issue(await users.find(victim.id));
          await lockdown.redeem(String(new URL(link).searchParams.get('token')));
        }),
      'by an administrator who took the factors away': () =>
        server.inside(async ({ accountLocks, users }) => accountLocks.removeSecondFactors(await users.find(victim.id))),
      'by an administrator who ended the sessions': () =>
        server.inside(({ protocol }) => protocol.sessions.endAll(victim.id, 'revoked')),
      'by disabling the account for a while': () =>
        server.inside(async ({ users }) => users.enable(await users.disable(await users.find(victim.id)))),
    };

    it.each(Object.entries(ended))('begins no session, %s', async (_name, end) => {
      await policy({ multi_factor: 'off' });
      const page = await browser.submit(await begin(), { username: victim.email });
      // The proof is kept, and the browser waits before it goes on.
      const kept = await send(browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), password });
      expect(kept.status).toBe(303);
      clock.move(2);
      await end();
      const answer = await browser.open(baseOf(page));
      expect(new URL(answer.url).searchParams.get('code')).toBeNull();
      expect(await sessionsOf(victim)).toBe(0);
    });

    it.each(Object.entries(ended))('nor where only the engine was still to go on, %s', async (_name, end) => {
      await policy({ multi_factor: 'off' });
      const page = await browser.submit(await begin(), { username: victim.email });
      await send(browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), password });
      const finished = await browser.request(baseOf(page));
      expect(finished.status).toBe(303);
      clock.move(2);
      await end();
      const answer = await browser.open(String(finished.headers.get('location')));
      expect(new URL(answer.url).searchParams.get('code')).toBeNull();
      expect(await sessionsOf(victim)).toBe(0);
    });
  });

  it('whoever made an account with somebody else’s address is out once its owner proves it, with every sign-in on its way', async () => {
    await policy({ multi_factor: 'off', registration: 'open' });
    const email = `owner-${Date.now()}@example.com`;
    await server.inside(({ registration }) => registration.register({ email, password, flow: 'y'.repeat(21) }));
    const page = await browser.submit(await begin(), { username: email });
    await send(browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), password });
    clock.move(2);
    const link = await inMail(email, /http\S+verify-email\S+/);
    await server.inside(({ emailVerification }) =>
      emailVerification.confirm(String(new URL(link).searchParams.get('token'))),
    );
    const answer = await browser.open(baseOf(page));
    expect(new URL(answer.url).searchParams.get('code')).toBeNull();
    const found = await server.inside(({ users }) => users.findByEmail(email));
    expect(await sessionsOf({ id: String(found?.id) })).toBe(0);
  });

  it('a remembered browser and the password add no passkey: that would do alone for good', async () => {
    await policy({ multi_factor: 'optional' });
    const again = async (person: { email: string }, visitor: Browser) => {
      for (const [key, { name }] of visitor.cookies) if (!name.includes('ostiary_device')) visitor.cookies.delete(key);
      const named = await visitor.submit(await begin({}, visitor), { username: person.email });
      return visitor.submit(named, { password, can_passkey: 'yes' });
    };
    const asks = ({ html }: Page) => html.includes('/add_passkey"');
    await fullSignIn(victim, browser);
    const end = await again(victim, browser);
    expect([asks(end), new URL(end.url).searchParams.has('code')]).toEqual([false, true]);
    // Who has nothing else is asked.
    expect(asks(await again(await makePerson(server), new Elsewhere()))).toBe(true);
  });

  it('a passkey that was added by whoever was in is gone with "This was not me"; older ones stay', async () => {
    const old = await passkeyOf(victim);
    clock.move(8 * 24 * 3600);
    const theirs = await passkeyOf(victim);
    await server.inside(async ({ lockdown, users }) => {
      const link = await lockdown.issue(await users.find(victim.id));
      await lockdown.redeem(String(new URL(link).searchParams.get('token')));
    });
    const left = await server.inside(({ passkeys }) => passkeys.of(victim.id));
    expect(left.map(({ credentialId }) => credentialId)).toEqual(old.held.map(({ id }) => id.toString('base64url')));
    expect(theirs.held).toHaveLength(1);
  });
});
