import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { generate } from 'otplib';
import { Browser, type Page } from '../support/browser.js';
import { StoppedClock } from '../support/clock.js';
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

const stepSeconds = 30;

describe('a second factor (RFC 6238, OWASP ASVS 5.0 V6.5)', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let email: string;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer({ overrides: { clock } });
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    // Each test in steps of its own. What the server keeps is good for an hour: not too far.
    clock.move(3 * stepSeconds);
    email = (await makePerson(server)).email;
    browser = new Browser();
    await policy({});
  });

  const policy = (authentication: object) => setPolicy(server, authentication);
  const required = () => policy({ multi_factor: 'required' });
  const code = (secret: string, steps = 0) =>
    generate({ secret, epoch: Math.floor(clock.now().getTime() / 1000) + steps * stepSeconds });
  const secretOn = (page: Page) => (/<code>([A-Z2-7 ]+)<\/code>/.exec(page.html)?.[1] ?? '').replaceAll(' ', '');
  const codesOn = (page: Page) =>
    [...page.html.matchAll(/<code>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})<\/code>/g)].map(([, one]) => String(one));
  const isAsked = (page: Page) => page.html.includes('name="code"') && page.html.includes('mfa-submit');

  /** Up to the second factor. */
  async function begin(more: Record<string, string> = {}, visitor = browser) {
    const proof = pkce();
    const page = await visitor.open(authorizationUrl(server, party, proof, more));
    if (!page.html.includes('name="username"')) return { page, proof };
    const named = await visitor.submit(page, { username: email });
    return { page: await visitor.submit(named, { password }), proof };
  }

  /** Sets an authenticator up in a browser of its own. */
  async function enrol() {
    await required();
    const visitor = new Browser();
    const { page } = await begin({}, visitor);
    const secret = secretOn(page);
    const shown = await visitor.submit(page, { code: await code(secret) });
    const codes = codesOn(shown);
    await visitor.submit(shown, {});
    await policy({});
    // The code that set it up is spent.
    clock.move(stepSeconds);
    return { secret, codes };
  }

  async function claims(page: Page, proof: ReturnType<typeof pkce>) {
    const { status, body } = await redeem(server, party, codeOf(page), proof);
    expect({ status, error: body.error_description }).toEqual({ status: 200, error: undefined });
    const { acr, amr } = decodeJwt(String(body.id_token));
    return { acr, amr };
  }

  describe('set up because the tenant requires one', () => {
    it('is kept after a right code only, and then gives ten recovery codes, once', async () => {
      await required();
      const { page, proof } = await begin();
      const secret = secretOn(page);
      expect(secret).toMatch(/^[A-Z2-7]{32}$/);
      const wrong = await browser.submit(page, { code: await code(secret, 5) });
      expect(wrong.status).toBe(422);
      expect(secretOn(wrong)).toBe(secret);
      const user = await server.inside(({ users }) => users.findByEmail(email));
      expect(await server.inside(({ secondFactors }) => secondFactors.of(String(user?.id)))).toMatchObject({
        totp: false,
      });

      const shown = await browser.submit(wrong, { code: await code(secret) });
      expect(new Set(codesOn(shown)).size).toBe(10);
      const end = await browser.submit(shown, {});
      expect(await claims(end, proof)).toEqual({ acr: 'urn:ostiary:acr:mfa', amr: ['pwd', 'otp', 'mfa'] });
    });

    it('takes up no offer that was made in another sign-in, or to another person', async () => {
      await required();
      const { page } = await begin();
      const [offer] = /name="offer" value="[^"]*"/.exec(page.html) ?? [];
      const secret = secretOn(page);
      email = (await makePerson(server)).email;
      const other = new Browser();
      const { page: theirs } = await begin({}, other);
      const html = theirs.html.replace(/name="offer" value="[^"]*"/, String(offer));
      const answer = await other.submit({ ...theirs, html }, { code: await code(secret) });
      expect(codesOn(answer)).toEqual([]);
      expect(secretOn(answer)).not.toBe(secret);
    });
  });

  describe('asked for at the next sign-in', () => {
    it.each([
      [-1, true],
      [0, true],
      [1, true],
      [-2, false],
      [2, false],
    ])('a code of the step %i is good: %s', async (steps, good) => {
      const { secret } = await enrol();
      clock.move(5 * stepSeconds);
      const { page, proof } = await begin();
      expect(isAsked(page)).toBe(true);
      const answer = await browser.submit(page, { code: await code(secret, steps) });
      if (good) expect(await claims(answer, proof)).toEqual({ acr: 'urn:ostiary:acr:mfa', amr: ['pwd', 'otp', 'mfa'] });
      else expect(answer.status).toBe(422);
    });

    it('refuses a code that was accepted before, and every older one (RFC 6238 §5.2)', async () => {
      const { secret } = await enrol();
      const first = await code(secret);
      const older = await code(secret, -1);
      const { page } = await begin();
      codeOf(await browser.submit(page, { code: first }));
      for (const spent of [first, older]) {
        const again = await begin({}, new Browser());
        expect(isAsked(again.page)).toBe(true);
        const visitor = new Browser();
        const { page: asked } = await begin({}, visitor);
        expect((await visitor.submit(asked, { code: spent })).status).toBe(422);
      }
    });

    it('lets one of fifty in who come with the same code at the same time', async () => {
      const { secret } = await enrol();
      const right = await code(secret);
      const user = await server.inside(({ users }) => users.findByEmail(email));
      const results = await Promise.all(
        Array.from({ length: 50 }, () => server.inside(({ totp }) => totp.verify(user as never, right))),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
    });

    it('is typed with a space as well', async () => {
      const { secret } = await enrol();
      const { page } = await begin();
      const right = await code(secret);
      codeOf(await browser.submit(page, { code: `${right.slice(0, 3)} ${right.slice(3)}` }));
    });

    it('stays asked for, whatever else is sent', async () => {
      await enrol();
      const { page } = await begin();
      const action = (step: string) => page.html.replace(/\/second_factor"/g, `/${step}"`);
      for (const step of ['login', 'enrolment', 'recovery_codes', 'change_password', 'consent', 'finish']) {
        const answer = await browser.submit(
          { ...page, html: action(step) },
          { code: '000000', username: email, password },
        );
        expect(isAsked(answer)).toBe(true);
      }
      expect((await browser.submit(page, { code: '' })).status).toBe(422);
    });
  });

  describe('wrong codes', () => {
    it('lock the second factor of the account, from whatever browser they come, and leave the password alone', async () => {
      const { secret } = await enrol();
      const visitors = Array.from({ length: 6 }, () => new Browser());
      const pages = [];
      for (const visitor of visitors) pages.push((await begin({}, visitor)).page);
      const wrong = await code(secret, 50);
      for (const [index, visitor] of visitors.slice(0, 5).entries())
        expect((await visitor.submit(pages[index] as Page, { code: wrong })).status).toBe(422);
      const locked = await (visitors[5] as Browser).submit(pages[5] as Page, { code: await code(secret) });
      expect(locked.status).toBe(422);
      expect(locked.html).toContain('paused');
      expect((await server.inside(({ passwords }) => passwords.failures(email))).locked_until).toBeNull();

      clock.move(5 * 60 + 1);
      const { page } = await begin();
      codeOf(await browser.submit(page, { code: await code(secret) }));
    });
  });

  describe('a recovery code', () => {
    const use = async (visitor: Browser, page: Page, recovery_code: string) => {
      const form = await visitor.open(`${page.url.replace(/\/second_factor$/, '')}?with=recovery_code`);
      return visitor.submit(form, { recovery_code });
    };

    it('works once, however it is typed, and another factor is set up before anything else', async () => {
      const { codes } = await enrol();
      const [first = ''] = codes;
      const { page } = await begin();
      const answer = await use(browser, page, first.toLowerCase().replaceAll('-', ' '));
      expect(secretOn(answer)).toMatch(/^[A-Z2-7]{32}$/);

      const other = new Browser();
      const again = await begin({}, other);
      expect((await use(other, again.page, first)).status).toBe(422);
    });

    it('of the old set is dead once a new set was made', async () => {
      const { codes } = await enrol();
      const user = await server.inside(({ users }) => users.findByEmail(email));
      await server.inside(({ recoveryCodes }) => recoveryCodes.renew(user as never));
      const { page } = await begin();
      expect((await use(browser, page, codes[1] ?? '')).status).toBe(422);
    });

    it('lets one of fifty in who come with it at the same time', async () => {
      const { codes } = await enrol();
      const user = await server.inside(({ users }) => users.findByEmail(email));
      const results = await Promise.all(
        Array.from({ length: 50 }, () =>
          server.inside(({ recoveryCodes }) => recoveryCodes.consume(user as never, codes[2] ?? '')),
        ),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
    });
  });

  describe('asked for by the client (OpenID Connect Core §5.5.1.1)', () => {
    const mfa = { acr_values: 'urn:ostiary:acr:mfa' };

    it('is asked of a session that stands on a password, and of nothing else again', async () => {
      await policy({ multi_factor: 'off' });
      codeOf((await begin()).page);
      const { secret } = await enrol();
      await policy({ multi_factor: 'off' });
      codeOf((await begin()).page);
      const { page, proof } = await begin(mfa);
      expect(isAsked(page)).toBe(true);
      const end = await browser.submit(page, { code: await code(secret) });
      expect(await claims(end, proof)).toEqual({ acr: 'urn:ostiary:acr:mfa', amr: ['pwd', 'otp', 'mfa'] });
    });
  });
});
