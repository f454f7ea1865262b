import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Browser } from '../support/browser.js';
import { baseOf, csrfOf, giveNameAndPassword, nameOf, resumeOf, send, withoutNonces } from '../support/journey.js';
import { makePerson, password } from '../support/party.js';
import { Visit } from '../support/visit.js';

describe('passwords on the pages of a sign-in', () => {
  const visit = new Visit();
  beforeAll(() => visit.open(), 60_000);
  afterAll(() => visit.server?.close());
  beforeEach(() => visit.anew());

  describe('a password that is not right', () => {
    it('is answered 422 on the same form, without the password in it', async () => {
      const page = await visit.browser.submit(await visit.atPassword(), { password: 'wrong password 1' });
      expect([page.status, nameOf(page)]).toEqual([422, 'password']);
      expect(page.html).toContain('That e-mail and password do not go together.');
      expect(page.html).toContain(visit.email);
      expect(page.html).not.toContain('wrong password 1');
      await visit.nobody();
      expect(nameOf(await visit.browser.submit(page, { password }))).toBe('consent');
    });

    it('looks the same for a person, a stranger and somebody disabled (no enumeration)', async () => {
      const disabled = await makePerson(visit.server);
      await visit.server.inside(({ users }) => users.disable(disabled));
      const bodies = [];
      for (const [name, secret] of [
        [visit.email, 'wrong password 1'],
        ['maria-nobody@example.com', 'wrong password 1'],
        [disabled.email, 'wrong password 1'],
        [disabled.email, password],
      ] as const) {
        visit.browser = new Browser();
        const ask = await visit.browser.submit(await visit.begin(), { username: name });
        const answer = await visit.browser.submit(ask, { password: secret });
        bodies.push([ask, answer].map((page) => `${page.status} ${withoutNonces(page).replaceAll(name, '…')}`));
        await visit.nobody();
      }
      for (const body of bodies) expect(body).toEqual(bodies[0]);
    });

    it('after five tries pauses the account, for a stranger too, and the right password does not help', async () => {
      const pages = [];
      for (const name of [visit.email, `maria-none${Math.random()}@example.com`]) {
        visit.browser = new Browser();
        let page = await visit.browser.submit(await visit.begin(), { username: name });
        for (let tries = 0; tries < 5; tries += 1)
          page = await visit.browser.submit(page, { password: 'wrong password 1' });
        page = await visit.browser.submit(page, { password });
        expect([page.status, nameOf(page)]).toEqual([422, 'password']);
        expect(page.html).toContain('Signing in is paused after several wrong tries.');
        pages.push(withoutNonces(page).replaceAll(name, '…'));
        await visit.nobody();
      }
      expect(pages[1]).toBe(pages[0]);
    });
  });

  describe('a password that somebody else has set', () => {
    beforeEach(() =>
      visit.server.inside(async ({ users, passwords }) => {
        const user = await users.findByEmail(visit.email);
        await passwords.set(user as never, password, { mustChange: true });
      }),
    );

    it('is replaced before the sign-in, and no other way leads past it', async () => {
      const page = await visit.atConsent();
      expect(nameOf(page)).toBe('change_password');
      await visit.nobody();
      for (const step of ['consent', 'login', 'finish', 'select_account']) {
        await send(visit.browser, `${baseOf(page)}/${step}`, {
          csrf: csrfOf(page),
          username: visit.email,
          password,
          decision: 'allow',
        });
        expect(nameOf(await visit.browser.open(baseOf(page)))).toBe('change_password');
      }
      const resumed = await visit.browser.open(resumeOf(page));
      expect(nameOf(resumed)).toBe('change_password');
      await visit.nobody();
      expect(nameOf(await visit.browser.open(`${baseOf(resumed)}?identify`))).toBe('change_password');

      const next = await visit.browser.submit(resumed, { password: 'another good passphrase' });
      expect(nameOf(next)).toBe('consent');
      visit.browser = new Browser();
      expect((await giveNameAndPassword(visit.browser, await visit.begin(), visit.email)).status).toBe(422);
      expect(
        nameOf(await giveNameAndPassword(visit.browser, await visit.begin(), visit.email, 'another good passphrase')),
      ).toBe('consent');
    });

    it('is told how strong its successor is, to its own page only, and gets no further by asking', async () => {
      const page = await visit.atConsent();
      const ask = (csrf: string) =>
        send(visit.browser, `${baseOf(page)}/strength`, { csrf, password: 'a former walnut bridge' });
      expect((await ask('')).status).toBe(403);
      const answer = await ask(csrfOf(page));
      expect(answer.status).toBe(200);
      expect(nameOf(await visit.browser.open(baseOf(page)))).toBe('change_password');
    });

    it.each([
      ['nothing', ''],
      ['a short one', 'short'],
      ['a common one', 'password1'],
      ['the same one', password],
    ])('is not replaced by %s', async (_what, chosen) => {
      const page = await visit.browser.submit(await visit.atConsent(), { password: chosen });
      expect([page.status, nameOf(page)]).toEqual([422, 'change_password']);
      await visit.nobody();
    });
  });

  describe('on one page (sign_in_layout)', () => {
    const layout = (sign_in_layout: 'one_page' | 'two_pages') =>
      visit.server.inside(async ({ tenants }) => {
        await tenants.update(await tenants.ensureDefault(), { settings: { sign_in_layout } });
      });
    beforeAll(() => layout('one_page'));
    afterAll(() => layout('two_pages'));

    it('asks for both, keeps the name after a mistake, and goes on', async () => {
      const page = await visit.begin({ login_hint: visit.email });
      expect(nameOf(page)).toBe('one_page');
      expect(page.html).toContain(`value="${visit.email}"`);
      const wrong = await visit.browser.submit(page, { username: visit.email, password: 'wrong password 1' });
      expect([wrong.status, nameOf(wrong)]).toEqual([422, 'one_page']);
      expect(wrong.html).toContain(`value="${visit.email}"`);
      const half = await visit.browser.submit(wrong, { username: visit.email, password: '' });
      expect([half.status, nameOf(half)]).toEqual([422, 'one_page']);
      expect(nameOf(await visit.browser.submit(half, { username: visit.email, password }))).toBe('consent');
    });
  });
});
