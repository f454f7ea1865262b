// What proves a person is changed by that person alone, on a proof that is new, and never in silence (OWASP ASVS 5.0 V6.2, V7.5.1).
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../support/browser.js';
import { csrfOf, giveNameAndPassword, isSignedIn, nameOf, send, titleOf } from '../support/journey.js';
import { Owner } from '../support/owner.js';
import { introspect, password, refresh, tokensFor } from '../support/party.js';

const another = 'an entirely different passphrase';

describe('the password of an account', () => {
  const owner = new Owner();
  beforeAll(() => owner.open(), 60_000);
  afterAll(() => owner.server?.close());
  beforeEach(() => owner.anew());

  const change = (page: Page, fields: Record<string, string>, visitor = owner.browser) =>
    visitor.submit(page, { current_password: password, password: another, ...fields });

  describe('another password (C11)', () => {
    it('is not to be had for a wrong one, which counts as one at the sign-in', async () => {
      let page = await owner.at('/password');
      for (let tries = 1; tries <= 5; tries += 1) {
        page = await change(page, { current_password: 'not the one' });
        expect([page.status, /class="summary"[\s\S]*?<b>([^<]*)/.exec(page.html)?.[1]]).toEqual([
          422,
          'That is not your current password.',
        ]);
      }
      expect((await change(page, {})).html).toContain('paused after several wrong tries');
      const elsewhere = new Browser();
      const locked = await giveNameAndPassword(elsewhere, await elsewhere.open(owner.security('')), owner.person.email);
      expect([locked.status, titleOf(locked)]).toEqual([422, 'Enter your password']);
    });

    it('ends every other session with its tokens and every remembered browser; the one it was changed in goes on', async () => {
      const other = await tokensFor(owner.server, owner.party, owner.person.email, {
        scope: 'openid offline_access',
        prompt: 'consent',
      });
      const page = await owner.at('/password');
      await owner.server.inside(async ({ devices, users }) => devices.trust(await users.find(owner.person.id), [], 30));
      const done = await change(page, {});
      expect([done.status, new URL(done.url).pathname]).toEqual([200, '/account/security']);
      expect(done.html).toContain('Your password is changed.');
      expect(await isSignedIn(owner.server, owner.party, owner.browser)).toBe(true);
      expect(await isSignedIn(owner.server, owner.party, other.browser)).toBe(false);
      expect((await refresh(owner.server, owner.party, String(other.refresh_token))).body.error).toBe('invalid_grant');
      expect((await introspect(owner.server, owner.party, String(other.access_token))).body.active).toBe(false);
      expect(await owner.server.inside(({ devices }) => devices.trustedOf(owner.person))).toEqual([]);
      expect(await owner.letters()).toEqual(['password_changed']);
      const later = new Browser();
      expect(titleOf(await owner.at('', later, another))).toBe('Security');
    });

    it('leaves the tokens of this session, and ends them too where one signs out here', async () => {
      const mine = await tokensFor(owner.server, owner.party, owner.person.email, {}, owner.browser);
      await change(await owner.at('/password'), {});
      expect((await introspect(owner.server, owner.party, String(mine.access_token))).body.active).toBe(true);
      const again = await owner.at('/password');
      const out = await change(again, { current_password: another, password: `${another} 2`, sign_out_here: 'yes' });
      expect(nameOf(out)).toBe('identifier');
      expect(await isSignedIn(owner.server, owner.party, owner.browser)).toBe(false);
      expect((await introspect(owner.server, owner.party, String(mine.access_token))).body.active).toBe(false);
    });

    it('says why it cannot be chosen, which costs no try', async () => {
      let page = await owner.at('/password');
      for (const [chosen, why] of [
        ['short', 'fewer than 8'],
        ['password1', 'tried first'],
      ] as const) {
        page = await change(page, { current_password: 'not the one', password: chosen });
        expect([page.status, page.html.includes(why)]).toEqual([422, true]);
      }
      page = await change(page, { password });
      expect(page.html).toContain('It is the one you already have.');
      const counted = await owner.server.inside(async ({ passwords }) => passwords.failures(owner.person.email));
      expect(counted.failed_count).toBe(0);
      expect(await owner.letters()).toEqual([]);
    });

    it('of two at once with the same old one, one is set', async () => {
      const page = await owner.at('/password');
      const second = new Browser();
      const other = await owner.at('/password', second);
      const answers = await Promise.all([
        change(page, { password: `${another} a` }),
        change(other, { password: `${another} b` }, second),
      ]);
      const done = answers.filter(({ html }) => html.includes('Your password is changed.'));
      expect(done).toHaveLength(1);
      expect(await owner.letters()).toEqual(['password_changed']);
    });

    it('is taken from our own page, of this session only', async () => {
      const page = await owner.at('/password');
      const fields = { current_password: password, password: another };
      const stranger = new Browser();
      const theirs = await owner.at('/password', stranger);
      for (const [form, headers] of [
        [{ ...fields }, undefined],
        [{ ...fields, csrf: csrfOf(theirs) }, undefined],
        [{ ...fields, csrf: csrfOf(page) }, { origin: 'https://elsewhere.example' }],
      ] as const)
        expect((await send(owner.browser, owner.security('/password'), form, headers)).status).toBe(403);
      expect((await send(new Browser(), owner.security('/password'), { ...fields, csrf: csrfOf(page) })).status).toBe(
        303,
      );
      expect(await owner.letters()).toEqual([]);
    });

    it('needs a proof of the last ten minutes', async () => {
      const page = await owner.at('/password');
      owner.clock.move(601);
      const asked = await change(page, {});
      expect(nameOf(asked)).toBe('identifier');
      const back = await giveNameAndPassword(owner.browser, asked, owner.person.email);
      expect(new URL(back.url).pathname).toBe('/account/security/password');
      expect((await change(back, {})).html).toContain('Your password is changed.');
    });
  });

  it('a first password is chosen by whoever came in without one', async () => {
    const page = await owner.at('');
    await owner.query('DELETE FROM password_credentials WHERE user_id = $1', [owner.person.id]);
    const first = await owner.at('/password');
    expect([titleOf(first), first.html.includes('current-password')]).toEqual(['Choose a password', false]);
    expect((await owner.browser.submit(first, { password: 'short' })).status).toBe(422);
    expect((await owner.browser.submit(first, { password: another })).html).toContain('Your password is changed.');
    expect(await owner.letters()).toEqual(['password_changed']);
    expect(page.status).toBe(200);
  });
});
