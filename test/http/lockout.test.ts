import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generate } from 'otplib';
import { Browser, type Page } from '../support/browser.js';
import { StoppedClock } from '../support/clock.js';
import { withoutNonces } from '../support/journey.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { codeIn, generous, linkIn } from '../support/sign-in-letters.js';

const minute = 60;

describe('an account that is guessed at, on a clock that is moved (NIST SP 800-63B-4 §3.2.2, OWASP ASVS 5.0 V6.3.1)', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer({ overrides: { clock, letters: generous } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    await setPolicy(server, {});
    person = await makePerson(server);
  });

  const policy = (lockout: object) =>
    server.inside(async ({ tenants }) => tenants.update(await tenants.current(), { settings: { lockout } } as never));
  let browser = new Browser();
  async function guess(secret: string): Promise<Page> {
    browser = new Browser();
    const named = await browser.submit(await browser.open(authorizationUrl(server, party, pkce())), {
      username: person.email,
    });
    return browser.submit(named, { password: secret });
  }
  /** Time passes for what is counted: a sign-in on its way lasts an hour, and there are longer locks. */
  const wait = (seconds: number) =>
    server.services.db.manager.query(
      `UPDATE login_failures SET last_failed_at = last_failed_at - make_interval(secs => $1),
         locked_until = CASE WHEN locked_until < '9999-01-01' THEN locked_until - make_interval(secs => $1) ELSE locked_until END`,
      [seconds],
    );
  const isIn = (page: Page) => new URL(page.url).searchParams.has('code');
  const says = ({ html }: Page) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
  const wrong = async (times: number) => {
    for (let i = 0; i < times; i += 1) expect((await guess(`wrong ${i}`)).status).toBe(422);
  };

  it.each([
    ['fixed', { strategy: 'fixed', duration_minutes: 30 }, [30, 30, 30]],
    ['exponential', { strategy: 'exponential' }, [5, 15, 60, 60]],
  ])('is locked as the strategy %s says, and opens by itself', async (_name, settings, locks) => {
    await policy(settings);
    let passed = 0;
    for (const minutes of locks) {
      await wrong(5);
      await wait(minutes * minute - 1);
      passed += minutes;
      const locked = await guess(password);
      expect([locked.status, isIn(locked)]).toEqual([422, false]);
      await wait(2);
    }
    expect(passed).toBe(locks.reduce((sum, one) => sum + one, 0));
    expect(isIn(await guess(password))).toBe(true);
  });

  it('is locked for good by the strategy permanent, until an administrator opens it', async () => {
    await policy({ strategy: 'permanent' });
    await wrong(5);
    clock.move(20 * minute);
    const locked = await guess(password);
    expect([locked.status, isIn(locked)]).toEqual([422, false]);
    expect(says(locked)).not.toMatch(/\d+ (?:minutes|hours|days)/);
    await server.inside(async ({ accountLocks, users }) => accountLocks.unlock(await users.find(person.id)));
    expect(isIn(await guess(password))).toBe(true);
  });

  it('is not locked by four, however often, where the right password comes between', async () => {
    await policy({});
    for (let round = 0; round < 3; round += 1) {
      await wrong(4);
      expect(isIn(await guess(password))).toBe(true);
    }
  });

  it('is locked for whatever spelling of its name, and for nobody else', async () => {
    await policy({});
    const mine = person;
    for (const email of [mine.email, mine.email.toUpperCase(), ` ${mine.email}`]) {
      person = { ...mine, email };
      await wrong(email === mine.email ? 3 : 1);
    }
    person = mine;
    expect(isIn(await guess(password))).toBe(false);
    person = await makePerson(server);
    expect(isIn(await guess(password))).toBe(true);
  });

  describe('at its second factor', () => {
    const verify = (code: string) =>
      server.inside(async ({ secondFactors, users }) =>
        secondFactors.verify(await users.find(person.id), 'totp', code),
      );
    const enrol = () =>
      server.inside(async ({ totp, users }) => {
        const user = await users.find(person.id);
        const { secret } = totp.offer(user, 'Acme', 'flow');
        const codeNow = () => generate({ secret, epoch: Math.floor(clock.now().getTime() / 1000) });
        expect(await totp.confirm(user, { ...totp.offer(user, 'Acme', 'flow'), secret }, await codeNow())).toBe(true);
        clock.move(minute);
        return codeNow;
      });
    const lockedFor = async () => {
      const { locked_until } = await server.inside(({ secondFactors }) => secondFactors.failures(person));
      return Math.round((Number(locked_until) - clock.now().getTime()) / 60_000);
    };

    it('is locked for 5, 15 and 60 minutes, even where passwords are not', async () => {
      await policy({ enabled: false, strategy: 'fixed' });
      const codeNow = await enrol();
      for (const minutes of [5, 15, 60, 60]) {
        for (let i = 0; i < 5; i += 1) expect(await verify('not one')).toEqual({ outcome: 'failed' });
        expect(await lockedFor()).toBe(minutes);
        await wait(minutes * minute - 1);
        expect(await verify(await codeNow())).toMatchObject({ outcome: 'locked' });
        await wait(2);
      }
      expect(await verify(await codeNow())).toEqual({ outcome: 'ok' });
    });

    const fail = async (times: number) => {
      for (let failures = 1; failures <= times; failures += 1) {
        expect(await verify('not one')).toEqual({ outcome: 'failed' });
        if (failures % 5 === 0 && failures < times) await wait(60 * minute + 1);
      }
    };
    /** Through the mailbox. */
    const choose = async (chosen: string) => {
      const token = await server.inside(async ({ passwordLinks, users }) => {
        const link = await passwordLinks.issue(await users.find(person.id));
        return new URL(link).searchParams.get('token') ?? '';
      });
      const visitor = new Browser();
      const page = await visitor.open(`${server.issuer}/password?token=${token}`);
      expect((await visitor.submit(page, { password: chosen })).status).toBe(200);
    };

    it('takes no more than a hundred failures in a row, until its owner has chosen a password through the mailbox', async () => {
      await policy({});
      const codeNow = await enrol();
      await fail(100);
      await wait(365 * 24 * 60 * minute);
      expect(await verify(await codeNow())).toMatchObject({ outcome: 'locked' });
      // Whoever waits for it in the sign-in is told every way out.
      const told = async () => {
        const asked = await guess(password);
        const locked = await browser.submit(asked, { code: await codeNow() });
        expect(locked.status).toBe(422);
        return locked;
      };
      await setPolicy(server, { recovery_delay_hours: 0 });
      const closed = says(await told());
      expect(closed).toMatch(/hundred.*Forgotten your password.*administrator can open it at any time\./);
      expect(closed).not.toContain('I have lost all of this');
      await setPolicy(server, { recovery_delay_hours: 24 });
      const recoverable = await told();
      expect(says(recoverable)).toMatch(/Forgotten your password.*administrator.*I have lost all of this/);
      expect(recoverable.html).toContain('mfa-lost');

      await choose('mountains are patient 7');
      expect(await verify(await codeNow())).toEqual({ outcome: 'ok' });
    });

    it('is opened by the mailbox once in a month, for half as many: whoever reads the mail does not guess for ever', async () => {
      await policy({});
      const codeNow = await enrol();
      await fail(100);
      await choose('mountains are patient 7');
      await fail(50);
      await wait(24 * 60 * minute);
      await choose('mountains are patient 8');
      await wait(24 * 60 * minute);
      expect(await verify(await codeNow())).toMatchObject({ outcome: 'locked' });
      await server.inside(async ({ accountLocks, users }) => accountLocks.unlock(await users.find(person.id)));
      expect(await verify(await codeNow())).toEqual({ outcome: 'ok' });
    });
  });

  describe('by codes in the mail of its owner, by a stranger who knows the address', () => {
    const begin = async (visitor: Browser, username = person.email) => {
      const named = await visitor.submit(await visitor.open(authorizationUrl(server, party, pkce())), { username });
      return visitor.submit(named, { with: 'email_code' });
    };
    const isCodePage = ({ html }: Page) => html.includes('code-again');
    const isLinkPage = ({ html }: Page) => html.includes('link-again');
    const isPaused = () => server.inside(({ emailCodes }) => emailCodes.isPaused(person.email));

    beforeEach(async () => {
      await policy({});
      await setPolicy(server, { first_factors: ['password', 'email_code'] });
    });

    /** Until no code is looked at. */
    async function pause(username = person.email): Promise<Page[]> {
      const stranger = new Browser();
      const pages = [await begin(stranger, username)];
      for (let i = 0; i < 6; i += 1) pages.push(await stranger.submit(pages.at(-1) as Page, { code: 'abcdef' }));
      pages.push(await stranger.submit(pages.at(-1) as Page, { again: 'yes' }));
      return pages;
    }

    it('codes are paused, and a letter brings a link: the owner comes in by it, and by the password all along', async () => {
      const owner = new Browser();
      const asked = await begin(owner);
      const mine = await codeIn(server, person.email);
      const pages = await pause();
      expect(pages.map(({ status }) => status)).toEqual([200, ...Array(6).fill(422), 200]);
      expect(isLinkPage(pages[7] as Page)).toBe(true);
      expect(isIn(await guess(password))).toBe(true);

      const paused = await owner.submit(asked, { code: mine });
      expect([paused.status, says(paused)]).toEqual([422, expect.stringMatching(/paused.*link/)]);
      const theirs = await codeIn(server, person.email, mine);
      const seen = await linkIn(server, person.email, 'sign-in-link');
      expect(isLinkPage(await owner.submit(paused, { again: 'yes' }))).toBe(true);
      const link = await linkIn(server, person.email, 'sign-in-link', seen);
      expect(isIn(await owner.submit(await owner.open(link), {}))).toBe(true);
      // Who opened it reads the mailbox: codes are good again.
      expect(await isPaused()).toBe(false);
      const again = new Browser();
      const page = await begin(again);
      expect(isCodePage(page)).toBe(true);
      expect(isIn(await again.submit(page, { code: await codeIn(server, person.email, mine, theirs) }))).toBe(true);
    });

    it('the code that a link shows in another browser is taken, whatever others type meanwhile', async () => {
      await setPolicy(server, { first_factors: ['email_code'] });
      await pause();
      const seen = await linkIn(server, person.email, 'sign-in-link');
      const owner = new Browser();
      const waiting = await begin(owner);
      const phone = new Browser();
      const shown = await phone.submit(await phone.open(await linkIn(server, person.email, 'sign-in-link', seen)), {});
      const code = /id="sign-in-code">(\d{6})</.exec(shown.html)?.[1] ?? '';
      expect(await isPaused()).toBe(true);
      expect(isIn(await owner.submit(waiting, { code }))).toBe(true);
      // Who opened it reads the mailbox, wherever: no stranger decides that links are all there is from then on.
      expect(await isPaused()).toBe(false);
    });

    it('the pause says nothing of whether there is an account', async () => {
      const nobody = `nobody-${person.email}`;
      const seen = async (username: string) =>
        (await pause(username)).map((page) => [page.status, withoutNonces(page).replaceAll(username, 'NAME')]);
      expect(await seen(nobody)).toEqual(await seen(person.email));
    });

    it('no password fails by it, and no code that is used up or too old is counted', async () => {
      const stranger = new Browser();
      let page = await begin(stranger);
      clock.move(11 * minute);
      for (let i = 0; i < 10; i += 1) page = await stranger.submit(page, { code: 'abcdef' });
      expect(says(page)).toMatch(/does not work any more/);
      expect(await isPaused()).toBe(false);
      await pause();
      expect(await server.inside(({ passwords }) => passwords.failures(person.email))).toMatchObject({
        failed_count: 0,
        locked_until: null,
      });
    });

    it('locks end after 5, 15 and 60 minutes, and an administrator ends them at once', async () => {
      for (const minutes of [5, 15, 60]) {
        await pause();
        await wait(minutes * minute - 30);
        expect(await isPaused()).toBe(true);
        await wait(31);
        expect(await isPaused()).toBe(false);
      }
      await pause();
      await server.inside(async ({ accountLocks, users }) => accountLocks.unlock(await users.find(person.id)));
      expect(await isPaused()).toBe(false);
    });
  });
});
