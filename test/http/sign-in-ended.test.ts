import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GuardedHouse } from '../support/guarded.js';
import { baseOf, csrfOf, send } from '../support/journey.js';
import { password } from '../support/party.js';

describe('a sign-in on its way ends with everything else of the account (OWASP ASVS 5.0 V7.4)', () => {
  const house = new GuardedHouse();
  beforeAll(() => house.open(), 60_000);
  afterAll(() => house.server?.close());
  beforeEach(() => house.anew());

  describe('a sign-in on its way when everything of the account was ended', () => {
    const ended: Record<string, () => Promise<unknown>> = {
      'by a new password': () =>
        house.server.inside(async ({ passwords, users }) =>
          passwords.set(await users.find(house.victim.id), 'another good passphrase 9'),
        ),
      'by the owner’s word that it was not them': () =>
        house.server.inside(async ({ lockdown, lockdownLinks, users }) => {
          const link = await lockdownLinks.issue(await users.find(house.victim.id));
          await lockdown.redeem(String(new URL(link).searchParams.get('token')));
        }),
      'by an administrator who took the factors away': () =>
        house.server.inside(async ({ accountLocks, users }) =>
          accountLocks.removeSecondFactors(await users.find(house.victim.id)),
        ),
      'by an administrator who ended the sessions': () =>
        house.server.inside(({ protocol }) => protocol.sessions.endAll(house.victim.id, 'revoked')),
      'by disabling the account for a while': () =>
        house.server.inside(async ({ users }) => users.enable(await users.disable(await users.find(house.victim.id)))),
    };

    it.each(Object.entries(ended))('begins no session, %s', async (_name, end) => {
      await house.policy({ multi_factor: 'off' });
      const page = await house.browser.submit(await house.begin(), { username: house.victim.email });
      // The proof is kept, and the browser waits before it goes on.
      const kept = await send(house.browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), password });
      expect(kept.status).toBe(303);
      house.clock.move(2);
      await end();
      const answer = await house.browser.open(baseOf(page));
      expect(new URL(answer.url).searchParams.get('code')).toBeNull();
      expect(await house.sessionsOf(house.victim)).toBe(0);
    });

    it.each(Object.entries(ended))('nor where only the engine was still to go on, %s', async (_name, end) => {
      await house.policy({ multi_factor: 'off' });
      const page = await house.browser.submit(await house.begin(), { username: house.victim.email });
      await send(house.browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), password });
      const finished = await house.browser.request(baseOf(page));
      expect(finished.status).toBe(303);
      house.clock.move(2);
      await end();
      const answer = await house.browser.open(String(finished.headers.get('location')));
      expect(new URL(answer.url).searchParams.get('code')).toBeNull();
      expect(await house.sessionsOf(house.victim)).toBe(0);
    });
  });

  it('whoever made an account with somebody else’s address is out once its owner proves it, with every sign-in on its way', async () => {
    await house.policy({ multi_factor: 'off', registration: 'open' });
    const email = `owner-${Date.now()}@example.com`;
    await house.server.inside(({ registration }) => registration.register({ email, password, flow: 'y'.repeat(21) }));
    const page = await house.browser.submit(await house.begin(), { username: email });
    await send(house.browser, `${baseOf(page)}/login`, { csrf: csrfOf(page), password });
    house.clock.move(2);
    const link = await house.inMail(email, /http\S+verify-email\S+/);
    await house.server.inside(({ emailVerification }) =>
      emailVerification.confirm(String(new URL(link).searchParams.get('token'))),
    );
    const answer = await house.browser.open(baseOf(page));
    expect(new URL(answer.url).searchParams.get('code')).toBeNull();
    const found = await house.server.inside(({ users }) => users.findByEmail(email));
    expect(await house.sessionsOf({ id: String(found?.id) })).toBe(0);
  });
});
