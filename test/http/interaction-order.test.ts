import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from '../support/browser.js';
import { baseOf, csrfOf, errorTitles, nameOf, resumeOf, send, titleOf } from '../support/journey.js';
import { codeOf, password, signIn } from '../support/party.js';
import { Visit } from '../support/visit.js';

const { expired } = errorTitles;

describe('the pages of a sign-in, out of order', () => {
  const visit = new Visit();
  beforeAll(() => visit.open(), 60_000);
  afterAll(() => visit.server?.close());
  beforeEach(() => visit.anew());

  describe('out of order', () => {
    it.each([
      ['identifier', ['consent', 'change_password', 'select_account', 'finish', 'nonsense', '__proto__']],
      ['password', ['consent', 'change_password', 'select_account', 'finish']],
      ['consent', ['login', 'change_password', 'select_account', 'finish']],
    ])('at %s every other step leads back without progress', async (step, others) => {
      const page = (await visit.at[step]?.()) as Page;
      for (const other of others) {
        const fields = {
          csrf: csrfOf(page),
          decision: 'allow',
          username: visit.email,
          password: 'a good long password',
          account: 'other',
        };
        const answer = await send(visit.browser, `${baseOf(page)}/${other}`, fields);
        expect([other, answer.status, answer.headers.get('location')]).toEqual([
          other,
          303,
          new URL(baseOf(page)).pathname,
        ]);
        expect(nameOf(await visit.browser.open(baseOf(page)))).toBe(step);
      }
      if (step !== 'consent') await visit.nobody();
    });

    it.each(['identifier', 'password', 'consent'])('at %s an empty form makes no progress', async (step) => {
      const page = (await visit.at[step]?.()) as Page;
      const { action } = { action: `${baseOf(page)}/${step === 'consent' ? 'consent' : 'login'}` };
      const empty = await send(visit.browser, action, { csrf: csrfOf(page) });
      expect([303, 422]).toContain(empty.status);
      expect(nameOf(await visit.browser.open(baseOf(page)))).toBe(step);
      if (step !== 'consent') await visit.nobody();
    });

    it('says which field is missing and keeps what was typed', async () => {
      const page = await visit.begin();
      const noName = await visit.browser.submit(page, { username: '' });
      expect([noName.status, nameOf(noName)]).toEqual([422, 'identifier']);
      expect(noName.html).toContain('Your e-mail is missing.');
      const noPassword = await visit.browser.submit(await visit.atPassword(), { password: '' });
      expect([noPassword.status, nameOf(noPassword)]).toEqual([422, 'password']);
      expect(noPassword.html).toContain(visit.email);
    });

    it('takes each form once: the back button after the sign-in signs nobody in again', async () => {
      const page = await visit.atPassword();
      await signIn(visit.browser, baseOf(page), visit.email);
      await visit.server.inside(async ({ protocol, users }) => {
        const user = await users.findByEmail(visit.email);
        await protocol.sessions.endAll(String(user?.id), 'revoked');
      });
      const again = await send(visit.browser, `${baseOf(page)}/login`, {
        csrf: csrfOf(page),
        username: visit.email,
        password,
      });
      expect([again.status, titleOf(again)]).toEqual([400, expired]);
      await visit.nobody();
    });

    it('sends the same form twice to the same place', async () => {
      const page = await visit.atPassword();
      const fields = { csrf: csrfOf(page), username: visit.email, password };
      const answers = [];
      for (let time = 0; time < 2; time += 1) answers.push(await send(visit.browser, `${baseOf(page)}/login`, fields));
      expect(answers.map(({ status }) => status)).toEqual([303, 303]);
      expect(nameOf(await visit.browser.open(baseOf(page)))).toBe('consent');
    });

    it('takes a name sent twice as sent once: nobody is told that a password is missing which was not asked for', async () => {
      const page = await visit.begin();
      const named = { csrf: csrfOf(page), username: visit.email };
      const answers = [];
      for (let time = 0; time < 2; time += 1) answers.push(await send(visit.browser, `${baseOf(page)}/login`, named));
      expect(answers.map(({ status }) => status)).toEqual([303, 303]);
    });

    it('gives consent once: the form sent again gives no second code', async () => {
      const page = await visit.atConsent();
      const allow = () => send(visit.browser, `${baseOf(page)}/consent`, { csrf: csrfOf(page), decision: 'allow' });
      const first = await allow();
      codeOf(await visit.browser.open(new URL(String(first.headers.get('location')), visit.server.issuer).href));
      const second = await allow();
      expect([second.status, titleOf(second)]).toEqual([400, expired]);
    });

    it.each(['identifier', 'password', 'consent'])(
      'at %s the resume address signs nobody in and gives no code',
      async (step) => {
        const page = (await visit.at[step]?.()) as Page;
        const resumed = await visit.browser.open(resumeOf(page));
        expect(nameOf(resumed)).toBe(step);
        expect(resumed.url).not.toContain('code=');
        if (step !== 'consent') await visit.nobody();
      },
    );

    it('after the right password the resume address alone signs nobody in', async () => {
      const page = await visit.atPassword();
      await send(visit.browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), username: visit.email, password });
      await visit.nobody();
      const resumed = await visit.browser.request(resumeOf(page));
      expect(resumed.headers.get('location')).toMatch(/\/interaction\//);
      await visit.nobody();
    });
  });
});
