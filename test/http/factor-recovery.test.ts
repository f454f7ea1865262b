import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser, type Page } from '../support/browser.js';
import { StoppedClock } from '../support/clock.js';
import { isSignedIn } from '../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  redeem,
} from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { codeIn, generous, linkIn, subjectsOf } from '../support/sign-in-letters.js';
import { totpCode } from '../support/totp.js';

const hour = 3600;

describe('second factors by way of the mailbox', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let email: string;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer({ overrides: { clock, letters: generous } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.reset();
    email = (await makePerson(server)).email;
    browser = new Browser();
    await setPolicy(server, {});
  });

  /** Sign-ins go by the engine's own clock, so it is the request that grows older. */
  const later = (seconds: number) =>
    server.services.db.manager.query(
      `UPDATE factor_recoveries SET requested_at = requested_at - make_interval(secs => $1), ready_at = ready_at - make_interval(secs => $1)
        WHERE user_id = (SELECT id FROM users WHERE email = $2)`,
      [seconds, email],
    );

  /** Up to the second factor. */
  async function begin(visitor = browser) {
    const proof = pkce();
    const page = await visitor.open(authorizationUrl(server, party, proof));
    const named = await visitor.submit(page, { username: email });
    return { page: await visitor.submit(named, { password }), proof };
  }
  const codeOfApp = (secret: string) => totpCode(secret, clock.now());
  const secretOn = (page: Page) => (/<code>([A-Z2-7 ]+)<\/code>/.exec(page.html)?.[1] ?? '').replaceAll(' ', '');

  async function enrol(): Promise<string> {
    await setPolicy(server, { multi_factor: 'required' });
    const visitor = new Browser();
    const { page } = await begin(visitor);
    const secret = secretOn(page);
    await visitor.submit(await visitor.submit(page, { code: await codeOfApp(secret) }), {});
    await setPolicy(server, {});
    clock.move(30);
    return secret;
  }
  const linkOn = (page: Page, name: string) =>
    new URL(new RegExp(`href="([^"]*with=${name})"`).exec(page.html)?.[1]?.replaceAll('&amp;', '&') ?? '', page.url)
      .href;
  const offersLoss = (page: Page) => page.html.includes('id="mfa-lost"');
  const isAsked = (page: Page) => page.html.includes('mfa-submit');
  async function lose(visitor = browser): Promise<Page> {
    const { page } = await begin(visitor);
    return visitor.submit(await visitor.open(linkOn(page, 'lost')), {});
  }
  const link = (...seen: string[]) => linkIn(server, email, 'factor-recovery', ...seen);
  const factors = () =>
    server.inside(async ({ users, secondFactors }) => secondFactors.of(String((await users.findByEmail(email))?.id)));

  describe('a code by mail (NIST SP 800-63B-4 §3.1.3.1)', () => {
    const listed = { multi_factor: 'required', second_factors: ['email_code', 'totp'] };

    it('is a second factor where the policy lists it, and is sent when it is asked for', async () => {
      await setPolicy(server, listed);
      const { page, proof } = await begin();
      expect(isAsked(page)).toBe(false);
      expect(await subjectsOf(server, email)).toEqual([]);
      const sent = await browser.submit(page, {});
      expect(isAsked(sent)).toBe(true);
      expect((await browser.submit(sent, { email_code: '' })).status).toBe(422);
      const code = await codeIn(server, email);
      const wrong = await browser.submit(sent, { email_code: code === '000000' ? '111111' : '000000' });
      expect(wrong.status).toBe(422);
      const end = await browser.submit(wrong, { email_code: code });
      const { body } = await redeem(server, party, codeOf(end), proof);
      expect(decodeJwt(String(body.id_token))).toMatchObject({
        acr: 'urn:ostiary:acr:mfa',
        amr: ['pwd', 'otp', 'mfa'],
      });
    });

    it('is neither sent nor taken where the policy does not list it', async () => {
      await enrol();
      const { page } = await begin();
      const answer = await browser.submit(page, { with: 'email_code' });
      expect(isAsked(answer)).toBe(true);
      expect(isAsked(await browser.submit(page, { email_code: '123456' }))).toBe(true);
      expect(await subjectsOf(server, email)).not.toContainEqual(expect.stringContaining('code'));
    });

    it('its tries are counted with those of the other factors, however many codes are asked for', async () => {
      await setPolicy(server, listed);
      let { page } = await begin();
      for (let i = 0; i < 5; i += 1) {
        page = await browser.submit(page, { with: 'email_code' });
        page = await browser.submit(page, { email_code: 'abcdef' });
        expect(page.status).toBe(422);
        page = await browser.open(page.url.replace(/\/second_factor.*/, ''));
      }
      const sent = await browser.submit(page, { with: 'email_code' });
      const locked = await browser.submit(sent, { email_code: 'abcdef' });
      expect(locked.html).toContain('paused');
    });
  });

  describe('for whoever has lost them', () => {
    it('takes them away by a link, after the wait, and another one is set up at the next sign-in', async () => {
      await enrol();
      const sent = await lose();
      expect(sent.html).toContain('24 hours');
      const address = await link();
      const visitor = new Browser();
      expect((await visitor.open(address)).html).toContain('Not yet');
      await later(24 * hour - 60);
      expect((await visitor.open(address)).html).not.toContain('recovery-submit');
      expect((await factors()).totp).toBe(true);
      await later(120);
      const confirm = await visitor.open(address);
      const done = await visitor.submit(confirm, {});
      expect(new URL(done.url).pathname).toBe('/factor-recovery/done');
      expect(await factors()).toEqual({ totp: false, passkeys: [], recovery_codes: 0 });
      expect((await visitor.open(address)).status).toBe(400);
      expect((await subjectsOf(server, email))[0]).toContain('were removed');

      const fresh = new Browser();
      const { page } = await begin(fresh);
      const secret = secretOn(page);
      expect(secret).toMatch(/^[A-Z2-7]{32}$/);
      const end = await fresh.submit(await fresh.submit(page, { code: await codeOfApp(secret) }), {});
      codeOf(end);
      // Once: where none is required, the next sign-in asks for the new one as always.
      clock.move(60);
      expect(isAsked((await begin(new Browser())).page)).toBe(true);
    });

    it('does nothing before its time, whatever is sent', async () => {
      await enrol();
      await lose();
      const address = await link();
      const token = new URL(address).searchParams.get('token') ?? '';
      await expect(server.inside(({ factorRecoveries }) => factorRecoveries.redeem(token))).rejects.toMatchObject({
        status: 409,
      });
      const visitor = new Browser();
      const answer = await visitor.request(`${server.issuer}/factor-recovery`, {
        method: 'POST',
        body: new URLSearchParams({ token, csrf: '' }),
        headers: { origin: new URL(server.issuer).origin },
      });
      expect(answer.status).toBe(403);
      expect((await factors()).totp).toBe(true);
    });

    it('is ended by whoever signs in with a factor meanwhile', async () => {
      const secret = await enrol();
      await lose();
      const address = await link();
      const owner = new Browser();
      codeOf(await owner.submit((await begin(owner)).page, { code: await codeOfApp(secret) }));
      await later(25 * hour);
      expect((await new Browser().open(address)).status).toBe(400);
      expect((await factors()).totp).toBe(true);
    });

    it('is not ended by what a session of before stands on: nobody showed a factor', async () => {
      const secret = await enrol();
      const owner = new Browser();
      codeOf(await owner.submit((await begin(owner)).page, { code: await codeOfApp(secret) }));
      clock.move(30);
      await lose();
      const address = await link();
      // More is asked for than there is, so that nothing is asked of them.
      const phr = { acr_values: 'urn:ostiary:acr:phr' };
      codeOf(await owner.open(authorizationUrl(server, party, pkce(), phr)));
      await later(24 * hour + 60);
      expect((await new Browser().open(address)).html).toContain('recovery-submit');
    });

    it('dies with the password', async () => {
      await enrol();
      await lose();
      const address = await link();
      await server.inside(async ({ users, passwords }) => {
        const user = await users.findByEmail(email);
        if (user) await passwords.set(user, 'mountains are patient');
      });
      await later(25 * hour);
      expect((await new Browser().open(address)).status).toBe(400);
    });

    it('asked for again, the older link dies and the wait goes on', async () => {
      await enrol();
      await lose();
      const older = await link();
      await later(20 * hour);
      await lose(new Browser());
      const newer = await link(older);
      await later(5 * hour);
      const visitor = new Browser();
      expect((await visitor.open(older)).status).toBe(400);
      expect((await visitor.open(newer)).html).toContain('recovery-submit');
    });

    it('is used up by one of fifty clicks at once', async () => {
      await enrol();
      await lose();
      const token = new URL(await link()).searchParams.get('token') ?? '';
      await later(25 * hour);
      const clicks = await Promise.allSettled(
        Array.from({ length: 50 }, () => server.inside(({ factorRecoveries }) => factorRecoveries.redeem(token))),
      );
      expect(clicks.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('is not for whoever came in by that very mailbox, nor where the tenant leaves it to administrators', async () => {
      await enrol();
      await setPolicy(server, { first_factors: ['magic_link'] });
      const page = await browser.submit(await browser.open(authorizationUrl(server, party, pkce())), {
        username: email,
      });
      await browser.submit(page, { with: 'magic_link' });
      const asked = await browser.submit(await browser.open(await linkIn(server, email, 'sign-in-link')), {});
      expect([isAsked(asked), offersLoss(asked)]).toEqual([true, false]);
      await setPolicy(server, { recovery_delay_hours: 0 });
      const visitor = new Browser();
      const { page: other } = await begin(visitor);
      expect([isAsked(other), offersLoss(other)]).toEqual([true, false]);
      expect(isAsked(await visitor.submit(other, { lost: 'yes' }))).toBe(true);
      expect(await subjectsOf(server, email)).not.toContainEqual(expect.stringContaining('Get back'));
      expect(await isSignedIn(server, party, visitor)).toBe(false);
    });
  });
});
