// What proves a person is changed by that person alone, on a proof that is new, and never in silence (OWASP ASVS 5.0 V6.2, V7.5.1).
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../support/browser.js';
import { csrfOf, send } from '../support/journey.js';
import { Owner } from '../support/owner.js';

describe('the security of an account', () => {
  const owner = new Owner();
  beforeAll(() => owner.open(), 60_000);
  afterAll(() => owner.server?.close());
  beforeEach(() => owner.anew());

  const secretOn = (page: Page) => (/<code>([A-Z2-7 ]+)<\/code>/.exec(page.html)?.[1] ?? '').replaceAll(' ', '');
  const codesOn = (page: Page) =>
    [...page.html.matchAll(/<code>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})<\/code>/g)].map(([, one]) => String(one));
  const factors = () => owner.server.inside(({ secondFactors }) => secondFactors.of(owner.person.id));

  describe('an authenticator app', () => {
    async function setUp(visitor = owner.browser) {
      const page = await owner.at('/totp/setup', visitor);
      const secret = secretOn(page);
      const shown = await visitor.submit(page, { code: await owner.code(secret) });
      kept = secret;
      owner.clock.move(30);
      return { page, secret, shown };
    }
    let kept = '';
    const latest = () => {
      owner.clock.move(30);
      return owner.code(kept);
    };

    /** With the second factor, in the session as it is. */
    async function proved(path: string): Promise<Page> {
      const asked = await owner.browser.submit(await owner.browser.open(owner.security('/totp')), {});
      expect(asked.html).toContain('name="code"');
      expect((await owner.browser.submit(asked, { code: await latest() })).status).toBe(200);
      return owner.browser.open(owner.security(path));
    }

    it('is kept after a right code only, with ten recovery codes as text and as a file, and a letter', async () => {
      const page = await owner.at('/totp/setup');
      const wrong = await owner.browser.submit(page, { code: '000000' });
      expect([wrong.status, secretOn(wrong)]).toEqual([422, secretOn(page)]);
      expect((await factors()).totp).toBe(false);
      const shown = await owner.browser.submit(wrong, { code: await owner.code(secretOn(wrong)) });
      expect(new Set(codesOn(shown)).size).toBe(10);
      expect(shown.headers.get('cache-control')).toBe('no-store');
      const [, file = ''] =
        /download="recovery-codes.txt" href="data:text\/plain;charset=utf-8,([^"]*)"/.exec(shown.html) ?? [];
      for (const one of codesOn(shown)) expect(decodeURIComponent(file)).toContain(one);
      expect(await factors()).toMatchObject({ totp: true, recovery_codes: 10 });
      expect(await owner.letters()).toEqual(['factor_added']);
      const rows = JSON.stringify(
        await owner.query('SELECT * FROM recovery_codes WHERE user_id = $1', [owner.person.id]),
      );
      for (const one of codesOn(shown)) expect(rows).not.toContain(one.replaceAll('-', ''));
    });

    it('takes up no offer of another session', async () => {
      const page = await owner.at('/totp/setup');
      const [, offer = ''] = /name="offer" value="([^"]*)"/.exec(page.html) ?? [];
      const thief = new Browser();
      const theirs = await owner.at('/totp/setup', thief);
      const answer = await send(thief, owner.security('/totp/setup'), {
        csrf: csrfOf(theirs),
        offer,
        code: await owner.code(secretOn(page)),
      });
      expect(answer.status).toBe(303);
      expect((await factors()).totp).toBe(false);
    });

    it('goes with its codes and with every browser that was remembered for it', async () => {
      await setUp();
      await owner.server.inside(async ({ devices, users }) => devices.trust(await users.find(owner.person.id), [], 30));
      const page = await proved('/totp');
      const gone = await owner.browser.submit(page, {});
      expect(gone.html).toContain('Your authenticator app is turned off.');
      expect(await factors()).toEqual({ totp: false, passkeys: [], recovery_codes: 0 });
      expect(await owner.server.inside(({ devices }) => devices.trustedOf(owner.person))).toEqual([]);
      expect((await owner.letters()).at(-1)).toBe('factor_removed');
    });

    it('is not turned off on the password alone: a session without it proves it first', async () => {
      await setUp();
      const refused = await owner.browser.submit(await owner.browser.open(owner.security('/totp')), {});
      expect(refused.html).toContain('name="code"');
      expect((await factors()).totp).toBe(true);
      const back = await owner.browser.submit(refused, { code: await latest() });
      expect(new URL(back.url).pathname).toBe('/account/security/totp');
      expect((await owner.browser.submit(back, {})).html).toContain('Your authenticator app is turned off.');
    });

    it('stays, and so do its codes, where the session is being ended in which that is asked for', async () => {
      await setUp();
      const [remove, renew] = [await proved('/totp'), await owner.browser.open(owner.security('/recovery-codes'))];
      const codes = () =>
        owner.query('SELECT * FROM recovery_codes WHERE user_id = $1 ORDER BY 1, 2, 3', [owner.person.id]);
      const before = await codes();
      let sent: Promise<Page>[] = [];
      await owner.server.inside(async ({ db, lockdown, lockdownLinks, users }) => {
        const link = await lockdownLinks.issue(await users.find(owner.person.id));
        await db.transaction(async () => {
          await lockdown.redeem(String(new URL(link).searchParams.get('token')));
          sent = [owner.browser.submit(remove, {}), owner.browser.submit(renew, {})];
          await new Promise((resolve) => setTimeout(resolve, 1000));
        });
      });
      for (const page of await Promise.all(sent)) expect(codesOn(page)).toEqual([]);
      expect([(await factors()).totp, await codes()]).toEqual([true, before]);
    });

    it('stays where the tenant requires one and there is no other', async () => {
      const { secret } = await setUp();
      await owner.policy({ multi_factor: 'required' });
      const asked = await owner.browser.submit(await owner.browser.open(owner.security('/totp')), {});
      const back = await owner.browser.submit(asked, { code: await owner.code(secret) });
      const refused = await owner.browser.submit(back, {});
      expect([refused.status, refused.html.includes('A second factor is required here.')]).toEqual([409, true]);
      expect((await factors()).totp).toBe(true);
      expect(await owner.letters()).toEqual(['factor_added']);
    });

    it('gives new recovery codes, with which the old ones die', async () => {
      const { secret, shown } = await setUp();
      const [old = ''] = codesOn(shown);
      const page = await owner.browser.open(owner.security('/recovery-codes'));
      expect(page.html).toContain('Codes left: 10');
      const asked = await owner.browser.submit(page, {});
      const back = await owner.browser.submit(asked, { code: await owner.code(secret) });
      const renewed = await owner.browser.submit(back, {});
      expect(codesOn(renewed)).toHaveLength(10);
      expect(codesOn(renewed)).not.toContain(old);
      const user = await owner.server.inside(({ users }) => users.find(owner.person.id));
      const tryOne = (one: string) =>
        owner.server.inside(({ secondFactors }) => secondFactors.verify(user, 'recovery_code', one));
      expect((await tryOne(old)).outcome).toBe('failed');
      expect(await owner.letters()).toEqual(['factor_added', 'factor_added']);
      for (const one of codesOn(renewed).slice(0, 7)) expect((await tryOne(one)).outcome).toBe('ok');
      expect(await owner.letters()).toEqual(['factor_added', 'factor_added', 'recovery_codes_low']);
      expect((await owner.browser.open(owner.security('/recovery-codes'))).html).toContain('Codes left: 3');
    });
  });

  describe('a way in that is being added while the account is closed (OWASP ASVS 5.0 V7.4.2)', () => {
    it('is none: an authenticator', async () => {
      const page = await owner.at('/totp/setup');
      const fields = { code: await owner.code(secretOn(page)) };
      await owner.whileClosing(() => owner.browser.submit(page, fields));
      expect(await factors()).toMatchObject({ totp: false, recovery_codes: 0 });
    });

    it('is none: a first password, and the link to choose one stays good', async () => {
      await owner.at('');
      await owner.query('DELETE FROM password_credentials WHERE user_id = $1', [owner.person.id]);
      const page = await owner.at('/password');
      await owner.whileClosing(() => owner.browser.submit(page, { password: 'an entirely different passphrase' }));
      const kept = 'SELECT 1 FROM password_credentials WHERE user_id = $1';
      expect(await owner.query(kept, [owner.person.id])).toEqual([]);
      const links = `SELECT 1 FROM one_time_tokens WHERE purpose = 'password_reset' AND subject = $1`;
      expect(await owner.query(links, [owner.person.id])).toHaveLength(1);
    });
  });

  it('recovery codes are not made where they would stand in for nothing', async () => {
    const page = await owner.at('/recovery-codes');
    expect(page.html).not.toContain('codes-renew');
    const csrf = csrfOf(await owner.at('/password'));
    expect((await send(owner.browser, owner.security('/recovery-codes'), { csrf })).status).toBe(409);
  });

  describe('as JSON, with the cookie of the session', () => {
    const csrfToken = async () => String((await owner.ask('GET', '/auth/me', '')).body.csrf_token);

    it('is set up after a right code, and turned off after the second factor was proved', async () => {
      await owner.at('');
      const csrf = await csrfToken();
      const { body: offer } = await owner.ask('POST', '/auth/2fa/enable-init', csrf);
      expect((await factors()).totp).toBe(false);
      const wrong = { setup_token: offer.setup_token, code: '000000' };
      expect((await owner.ask('POST', '/auth/2fa/enable-complete', csrf, wrong)).body.code).toBe('wrong_code');
      const right = { ...wrong, code: await owner.code(offer.secret) };
      const done = await owner.ask('POST', '/auth/2fa/enable-complete', csrf, right);
      expect([done.status, done.body.recovery_codes.length]).toEqual([200, 10]);
      expect((await owner.ask('GET', '/auth/2fa/backup-codes', '')).body).toEqual({ left: 10 });
      // The other name of the same: an authenticator takes the place of the one there is, with its proof only.
      const again = await owner.ask('POST', '/auth/2fa/verify-setup', csrf, right);
      expect(again.body.code).toBe('step_up_required');
      const weak = await owner.ask('POST', '/auth/2fa/disable', csrf);
      expect([weak.status, weak.body.code, weak.body.acr_values]).toEqual([
        401,
        'step_up_required',
        'urn:ostiary:acr:mfa',
      ]);
      expect((await factors()).totp).toBe(true);
    });

    it('is refused without the token of the session, and to nobody in particular', async () => {
      await owner.at('');
      for (const path of [
        '/auth/2fa/enable-init',
        '/auth/2fa/enable',
        '/auth/2fa/verify-setup',
        '/auth/2fa/disable',
        '/auth/2fa/backup-codes',
      ]) {
        expect([path, (await owner.ask('POST', path, '')).status]).toEqual([path, 403]);
        expect([path, (await owner.ask('POST', path, '', {}, new Browser())).status]).toEqual([path, 401]);
      }
    });
  });

  it.each(['', '/password', '/passkeys', '/totp', '/totp/setup', '/recovery-codes'])(
    'GET /account/security%s asks whoever is not signed in to sign in, and is kept by nobody',
    async (path) => {
      const stranger = await new Browser().request(owner.security(path));
      expect([stranger.status, stranger.headers.get('location')?.includes('/authorize?')]).toEqual([303, true]);
      await owner.at('');
      const page = await owner.browser.request(owner.security(path));
      expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-store']);
    },
  );
});
