// What proves a person is changed by that person alone, on a proof that is new, and never in silence (OWASP ASVS 5.0 V6.2, V7.5.1).

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generate } from 'otplib';
import { asDefaultTenant } from '../../src/main.js';
import { Browser, type Page } from '../support/browser.js';
import { csrfOf, giveNameAndPassword, isSignedIn, nameOf, send, titleOf } from '../support/journey.js';
import { introspect, makeClient, makePerson, type Party, password, refresh, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

class StoppedClock {
  private time = Date.now();
  now = () => new Date(this.time);
  move(seconds: number): void {
    this.time += seconds * 1000;
  }
}

const another = 'an entirely different passphrase';

describe('the security of an account', () => {
  const clock = new StoppedClock();
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  let browser: Browser;
  let told: number;

  beforeAll(async () => {
    server = await startServer({ overrides: { clock } });
    party = await makeClient(server, { consent_policy: 'implicit', scope: 'openid profile email offline_access' });
  }, 60_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    clock.move(90);
    await policy({});
    person = await makePerson(server);
    browser = new Browser();
    told = (await letters(0)).length;
    // The password is older than what is done with it.
    clock.move(1);
  });

  const query = (sql: string, values: unknown[] = []) => server.services.db.manager.query(sql, values);
  const letters = async (after = told): Promise<string[]> =>
    (await query('SELECT template FROM mail_messages ORDER BY id'))
      .map(({ template }: { template: string }) => template)
      .filter((template: string) => template !== 'new_device')
      .slice(after);
  const policy = (authentication: object) =>
    asDefaultTenant(server.services, async () => {
      const { tenants } = server.services;
      await tenants.update(await tenants.current(), { settings: { authentication } } as never);
    });
  const at = (path: string) => `${server.issuer}/account/security${path}`;
  const code = (secret: string) => generate({ secret, epoch: Math.floor(clock.now().getTime() / 1000) });
  const secretOn = (page: Page) => (/<code>([A-Z2-7 ]+)<\/code>/.exec(page.html)?.[1] ?? '').replaceAll(' ', '');
  const codesOn = (page: Page) =>
    [...page.html.matchAll(/<code>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})<\/code>/g)].map(([, one]) => String(one));
  const factors = () => server.inside(({ secondFactors }) => secondFactors.of(person.id));
  const inside = <T>(work: Parameters<typeof server.inside<T>>[0]) => server.inside(work);

  /** A page of the account, after the sign-in where that is asked for. */
  async function open(path: string, visitor = browser, secret = password): Promise<Page> {
    const page = await visitor.open(at(path));
    return page.url.includes('/interaction/') ? giveNameAndPassword(visitor, page, person.email, secret) : page;
  }

  const change = (page: Page, fields: Record<string, string>, visitor = browser) =>
    visitor.submit(page, { current_password: password, password: another, ...fields });

  describe('another password (C11)', () => {
    it('is not to be had for a wrong one, which counts as one at the sign-in', async () => {
      let page = await open('/password');
      for (let tries = 1; tries <= 5; tries += 1) {
        page = await change(page, { current_password: 'not the one' });
        expect([page.status, /class="summary"[\s\S]*?<b>([^<]*)/.exec(page.html)?.[1]]).toEqual([
          422,
          'That is not your current password.',
        ]);
      }
      expect((await change(page, {})).html).toContain('paused after several wrong tries');
      const elsewhere = new Browser();
      const locked = await giveNameAndPassword(elsewhere, await elsewhere.open(at('')), person.email);
      expect([locked.status, titleOf(locked)]).toEqual([422, 'Enter your password']);
    });

    it('ends every other session with its tokens and every remembered browser; the one it was changed in goes on', async () => {
      const other = await tokensFor(server, party, person.email, { scope: 'openid offline_access', prompt: 'consent' });
      const page = await open('/password');
      await inside(async ({ devices, users }) => devices.trust(await users.find(person.id), [], 30));
      const done = await change(page, {});
      expect([done.status, new URL(done.url).pathname]).toEqual([200, '/account/security']);
      expect(done.html).toContain('Your password is changed.');
      expect(await isSignedIn(server, party, browser)).toBe(true);
      expect(await isSignedIn(server, party, other.browser)).toBe(false);
      expect((await refresh(server, party, String(other.refresh_token))).body.error).toBe('invalid_grant');
      expect((await introspect(server, party, String(other.access_token))).body.active).toBe(false);
      expect(await inside(({ devices }) => devices.trustedOf(person))).toEqual([]);
      expect(await letters()).toEqual(['password_changed']);
      const later = new Browser();
      expect(titleOf(await open('', later, another))).toBe('Security');
    });

    it('leaves the tokens of this session, and ends them too where one signs out here', async () => {
      const mine = await tokensFor(server, party, person.email, {}, browser);
      await change(await open('/password'), {});
      expect((await introspect(server, party, String(mine.access_token))).body.active).toBe(true);
      const again = await open('/password');
      const out = await change(again, { current_password: another, password: `${another} 2`, sign_out_here: 'yes' });
      expect(nameOf(out)).toBe('identifier');
      expect(await isSignedIn(server, party, browser)).toBe(false);
      expect((await introspect(server, party, String(mine.access_token))).body.active).toBe(false);
    });

    it('says why it cannot be chosen, which costs no try', async () => {
      let page = await open('/password');
      for (const [chosen, why] of [
        ['short', 'fewer than 8'],
        ['password1', 'tried first'],
      ] as const) {
        page = await change(page, { current_password: 'not the one', password: chosen });
        expect([page.status, page.html.includes(why)]).toEqual([422, true]);
      }
      page = await change(page, { password });
      expect(page.html).toContain('It is the one you already have.');
      const counted = await inside(async ({ passwords }) => passwords.failures(person.email));
      expect(counted.failed_count).toBe(0);
      expect(await letters()).toEqual([]);
    });

    it('of two at once with the same old one, one is set', async () => {
      const page = await open('/password');
      const second = new Browser();
      const other = await open('/password', second);
      const answers = await Promise.all([
        change(page, { password: `${another} a` }),
        change(other, { password: `${another} b` }, second),
      ]);
      const done = answers.filter(({ html }) => html.includes('Your password is changed.'));
      expect(done).toHaveLength(1);
      expect(await letters()).toEqual(['password_changed']);
    });

    it('is taken from our own page, of this session only', async () => {
      const page = await open('/password');
      const fields = { current_password: password, password: another };
      const stranger = new Browser();
      const theirs = await open('/password', stranger);
      for (const [form, headers] of [
        [{ ...fields }, undefined],
        [{ ...fields, csrf: csrfOf(theirs) }, undefined],
        [{ ...fields, csrf: csrfOf(page) }, { origin: 'https://elsewhere.example' }],
      ] as const)
        expect((await send(browser, at('/password'), form, headers)).status).toBe(403);
      expect((await send(new Browser(), at('/password'), { ...fields, csrf: csrfOf(page) })).status).toBe(303);
      expect(await letters()).toEqual([]);
    });

    it('needs a proof of the last ten minutes', async () => {
      const page = await open('/password');
      clock.move(601);
      const asked = await change(page, {});
      expect(nameOf(asked)).toBe('identifier');
      const back = await giveNameAndPassword(browser, asked, person.email);
      expect(new URL(back.url).pathname).toBe('/account/security/password');
      expect((await change(back, {})).html).toContain('Your password is changed.');
    });
  });

  describe('a way in that is being added while the account is closed (OWASP ASVS 5.0 V7.4.2)', () => {
    /** The request has passed the door, and waits for who closes the account. */
    async function whileClosing(request: () => Promise<Page>): Promise<Page> {
      const begun: Promise<Page>[] = [];
      await inside(({ db, lockdown, lockdownLinks, users }) =>
        db.transaction(async () => {
          const link = await lockdownLinks.issue(await users.find(person.id));
          await lockdown.redeem(String(new URL(link).searchParams.get('token')));
          begun.push(request());
          await sleep(700);
        }),
      );
      return (await Promise.all(begun))[0] as Page;
    }

    it('is none: an authenticator', async () => {
      const page = await open('/totp/setup');
      const fields = { code: await code(secretOn(page)) };
      await whileClosing(() => browser.submit(page, fields));
      expect(await factors()).toMatchObject({ totp: false, recovery_codes: 0 });
    });

    it('is none: a first password, and the link to choose one stays good', async () => {
      await open('');
      await query('DELETE FROM password_credentials WHERE user_id = $1', [person.id]);
      const page = await open('/password');
      await whileClosing(() => browser.submit(page, { password: another }));
      expect(await query('SELECT 1 FROM password_credentials WHERE user_id = $1', [person.id])).toEqual([]);
      const links = `SELECT 1 FROM one_time_tokens WHERE purpose = 'password_reset' AND subject = $1`;
      expect(await query(links, [person.id])).toHaveLength(1);
    });
  });

  it('a first password is chosen by whoever came in without one', async () => {
    const page = await open('');
    await query('DELETE FROM password_credentials WHERE user_id = $1', [person.id]);
    const first = await open('/password');
    expect([titleOf(first), first.html.includes('current-password')]).toEqual(['Choose a password', false]);
    expect((await browser.submit(first, { password: 'short' })).status).toBe(422);
    expect((await browser.submit(first, { password: another })).html).toContain('Your password is changed.');
    expect(await letters()).toEqual(['password_changed']);
    expect(page.status).toBe(200);
  });

  describe('an authenticator app', () => {
    async function setUp(visitor = browser) {
      const page = await open('/totp/setup', visitor);
      const secret = secretOn(page);
      const shown = await visitor.submit(page, { code: await code(secret) });
      kept = secret;
      clock.move(30);
      return { page, secret, shown };
    }
    let kept = '';
    const latest = () => {
      clock.move(30);
      return code(kept);
    };

    /** With the second factor, in the session as it is. */
    async function proved(path: string): Promise<Page> {
      const asked = await browser.submit(await browser.open(at('/totp')), {});
      expect(asked.html).toContain('name="code"');
      expect((await browser.submit(asked, { code: await latest() })).status).toBe(200);
      return browser.open(at(path));
    }

    it('is kept after a right code only, with ten recovery codes as text and as a file, and a letter', async () => {
      const page = await open('/totp/setup');
      const wrong = await browser.submit(page, { code: '000000' });
      expect([wrong.status, secretOn(wrong)]).toEqual([422, secretOn(page)]);
      expect((await factors()).totp).toBe(false);
      const shown = await browser.submit(wrong, { code: await code(secretOn(wrong)) });
      expect(new Set(codesOn(shown)).size).toBe(10);
      expect(shown.headers.get('cache-control')).toBe('no-store');
      const [, file = ''] =
        /download="recovery-codes.txt" href="data:text\/plain;charset=utf-8,([^"]*)"/.exec(shown.html) ?? [];
      for (const one of codesOn(shown)) expect(decodeURIComponent(file)).toContain(one);
      expect(await factors()).toMatchObject({ totp: true, recovery_codes: 10 });
      expect(await letters()).toEqual(['factor_added']);
      const rows = JSON.stringify(await query('SELECT * FROM recovery_codes WHERE user_id = $1', [person.id]));
      for (const one of codesOn(shown)) expect(rows).not.toContain(one.replaceAll('-', ''));
    });

    it('takes up no offer of another session', async () => {
      const page = await open('/totp/setup');
      const [, offer = ''] = /name="offer" value="([^"]*)"/.exec(page.html) ?? [];
      const thief = new Browser();
      const theirs = await open('/totp/setup', thief);
      const answer = await send(thief, at('/totp/setup'), {
        csrf: csrfOf(theirs),
        offer,
        code: await code(secretOn(page)),
      });
      expect(answer.status).toBe(303);
      expect((await factors()).totp).toBe(false);
    });

    it('goes with its codes and with every browser that was remembered for it', async () => {
      await setUp();
      await inside(async ({ devices, users }) => devices.trust(await users.find(person.id), [], 30));
      const page = await proved('/totp');
      const gone = await browser.submit(page, {});
      expect(gone.html).toContain('Your authenticator app is turned off.');
      expect(await factors()).toEqual({ totp: false, passkeys: [], recovery_codes: 0 });
      expect(await inside(({ devices }) => devices.trustedOf(person))).toEqual([]);
      expect((await letters()).at(-1)).toBe('factor_removed');
    });

    it('is not turned off on the password alone: a session without it proves it first', async () => {
      await setUp();
      const refused = await browser.submit(await browser.open(at('/totp')), {});
      expect(refused.html).toContain('name="code"');
      expect((await factors()).totp).toBe(true);
      const back = await browser.submit(refused, { code: await latest() });
      expect(new URL(back.url).pathname).toBe('/account/security/totp');
      expect((await browser.submit(back, {})).html).toContain('Your authenticator app is turned off.');
    });

    it('stays where the tenant requires one and there is no other', async () => {
      const { secret } = await setUp();
      await policy({ multi_factor: 'required' });
      const asked = await browser.submit(await browser.open(at('/totp')), {});
      const back = await browser.submit(asked, { code: await code(secret) });
      const refused = await browser.submit(back, {});
      expect([refused.status, refused.html.includes('A second factor is required here.')]).toEqual([409, true]);
      expect((await factors()).totp).toBe(true);
      expect(await letters()).toEqual(['factor_added']);
    });

    it('gives new recovery codes, with which the old ones die', async () => {
      const { secret, shown } = await setUp();
      const [old = ''] = codesOn(shown);
      const page = await browser.open(at('/recovery-codes'));
      expect(page.html).toContain('Codes left: 10');
      const asked = await browser.submit(page, {});
      const back = await browser.submit(asked, { code: await code(secret) });
      const renewed = await browser.submit(back, {});
      expect(codesOn(renewed)).toHaveLength(10);
      expect(codesOn(renewed)).not.toContain(old);
      const user = await inside(({ users }) => users.find(person.id));
      const tryOne = (one: string) => inside(({ secondFactors }) => secondFactors.verify(user, 'recovery_code', one));
      expect((await tryOne(old)).outcome).toBe('failed');
      expect(await letters()).toEqual(['factor_added', 'factor_added']);
      for (const one of codesOn(renewed).slice(0, 7)) expect((await tryOne(one)).outcome).toBe('ok');
      expect(await letters()).toEqual(['factor_added', 'factor_added', 'recovery_codes_low']);
      expect((await browser.open(at('/recovery-codes'))).html).toContain('Codes left: 3');
    });
  });

  it('recovery codes are not made where they would stand in for nothing', async () => {
    const page = await open('/recovery-codes');
    expect(page.html).not.toContain('codes-renew');
    const csrf = csrfOf(await open('/password'));
    expect((await send(browser, at('/recovery-codes'), { csrf })).status).toBe(409);
  });

  describe('as JSON, with the cookie of the session (R33)', () => {
    async function ask(method: string, path: string, csrf: string, body?: object, visitor = browser) {
      const response = await visitor.request(`${server.issuer}/api/v1${path}`, {
        method,
        headers: {
          accept: 'application/json',
          origin: new URL(server.issuer).origin,
          ...(csrf ? { 'x-csrf-token': csrf } : {}),
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      const text = await response.text();
      return { status: response.status, body: text ? JSON.parse(text) : {} };
    }
    const csrfToken = async () => String((await ask('GET', '/auth/me', '')).body.csrf_token);

    it('is set up after a right code, and turned off after the second factor was proved', async () => {
      await open('');
      const csrf = await csrfToken();
      const { body: offer } = await ask('POST', '/auth/2fa/enable-init', csrf);
      expect((await factors()).totp).toBe(false);
      const wrong = { setup_token: offer.setup_token, code: '000000' };
      expect((await ask('POST', '/auth/2fa/enable-complete', csrf, wrong)).body.code).toBe('wrong_code');
      const right = { ...wrong, code: await code(offer.secret) };
      const done = await ask('POST', '/auth/2fa/enable-complete', csrf, right);
      expect([done.status, done.body.recovery_codes.length]).toEqual([200, 10]);
      expect((await ask('GET', '/auth/2fa/backup-codes', '')).body).toEqual({ left: 10 });
      // The other name of the same: an authenticator takes the place of the one there is, with its proof only.
      expect((await ask('POST', '/auth/2fa/verify-setup', csrf, right)).body.code).toBe('step_up_required');
      const weak = await ask('POST', '/auth/2fa/disable', csrf);
      expect([weak.status, weak.body.code, weak.body.acr_values]).toEqual([
        401,
        'step_up_required',
        'urn:ostiary:acr:mfa',
      ]);
      expect((await factors()).totp).toBe(true);
    });

    it('is refused without the token of the session, and to nobody in particular', async () => {
      await open('');
      for (const path of [
        '/auth/2fa/enable-init',
        '/auth/2fa/enable',
        '/auth/2fa/verify-setup',
        '/auth/2fa/disable',
        '/auth/2fa/backup-codes',
      ]) {
        expect([path, (await ask('POST', path, '')).status]).toEqual([path, 403]);
        expect([path, (await ask('POST', path, '', {}, new Browser())).status]).toEqual([path, 401]);
      }
    });
  });

  it.each(['', '/password', '/passkeys', '/totp', '/totp/setup', '/recovery-codes'])(
    'GET /account/security%s asks whoever is not signed in to sign in, and is kept by nobody',
    async (path) => {
      const stranger = await new Browser().request(at(path));
      expect([stranger.status, stranger.headers.get('location')?.includes('/authorize?')]).toEqual([303, true]);
      await open('');
      const page = await browser.request(at(path));
      expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-store']);
    },
  );
});

describe('what is looked for at a well-known address (RFC 8615)', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ environment: { SECURITY_CONTACT: 'mailto:security@example.com' } });
  }, 60_000);
  afterAll(() => server?.close());
  const get = (path: string) => fetch(`${server.issuer}/.well-known/${path}`, { redirect: 'manual' });

  it('leads to the page that changes the password', async () => {
    const answer = await get('change-password');
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/account/security/password']);
    expect((await get('resource-that-should-not-exist-whose-status-code-should-not-be-200')).status).toBe(404);
  });

  it('names the page of passkeys, and no other origin', async () => {
    const page = `${server.issuer}/account/security/passkeys`;
    expect(await (await get('passkey-endpoints')).json()).toEqual({ enroll: page, manage: page });
    expect(await (await get('webauthn')).json()).toEqual({ origins: [new URL(server.issuer).origin] });
  });

  it('says whom to tell of a weakness, for less than a year (RFC 9116)', async () => {
    const answer = await get('security.txt');
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const text = await answer.text();
    const [, expires = ''] = /^Contact: mailto:security@example.com\r\nExpires: (.*)\r\n$/.exec(text) ?? [];
    const days = (new Date(expires).getTime() - Date.now()) / 86_400_000;
    expect(days > 90 && days < 365).toBe(true);
  });
});
