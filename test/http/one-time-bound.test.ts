// Codes and challenges that are good in one sign-in only.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomToken } from '../../src/platform/crypto.js';
import type { Page } from '../support/browser.js';
import { Elsewhere } from '../support/elsewhere.js';
import { baseOf, csrfOf, send } from '../support/journey.js';
import { letterTo } from '../support/mailbox.js';
import { doorsOf, takenAt } from '../support/one-time-doors.js';
import { OneTimeHouse, type World } from '../support/one-time-house.js';

describe('what is good once and bound to a sign-in (RFC 9700 §4, OWASP ASVS 5.0 V6.6)', () => {
  const house = new OneTimeHouse();
  const doors = doorsOf(house);
  let world: World;

  beforeAll(() => house.open(), 60_000);
  afterAll(() => house.server?.close());
  beforeEach(async () => {
    world = await house.furnish();
  });

  it('a code by mail is taken in its own only, by one of 50, and no authenticator’s', async () => {
    const { browser, user } = world;
    const asked = await browser.submit(await house.toPassword(browser, user.email), { with: 'email_code' });
    const value = /^\d{6}$/m.exec((await letterTo(house.server, user.email, /^\d{6}$/m)).text)?.[0] ?? '';
    const others = Object.entries(doors).filter(([name]) => !/email.code/.test(name));
    expect(await takenAt(others, value, world)).toEqual([]);
    const fields = { csrf: csrfOf(asked), code: value };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => send(browser, `${baseOf(asked)}/email_code`, fields)),
    );
    for (const { status } of answers) expect([303, 422]).toContain(status);
    const used = await house.query(
      `SELECT attempts FROM one_time_tokens WHERE purpose = 'email_code' AND subject LIKE $1 || ':%' AND consumed_at IS NOT NULL`,
      [user.id],
    );
    expect(used).toEqual([{ attempts: 1 }]);
    expect((await browser.open(baseOf(asked))).html).toContain('mfa-submit');
  });

  it.each(['registration', 'authentication'] as const)('a challenge of a passkey (%s): one of 50', async (purpose) => {
    const { user, authenticator } = world;
    const results = await house.server.inside(async ({ passkeyCeremonies }) => {
      if (purpose === 'authentication') {
        const response = authenticator.get(await passkeyCeremonies.authenticationOptions('flow'));
        return Promise.all(Array.from({ length: 50 }, () => passkeyCeremonies.authenticate('flow', response)));
      }
      const response = authenticator.create(await passkeyCeremonies.registrationOptions(user, 'flow'));
      const all = await Promise.all(
        Array.from({ length: 50 }, () => passkeyCeremonies.register(user, 'flow', response)),
      );
      return all.map(({ outcome }) => (outcome === 'ok' ? outcome : undefined));
    });
    expect(results.filter(Boolean)).toHaveLength(1);
  });

  it('nor does a challenge of one ceremony do for another: alone, second, another sign-in, another person, a new passkey', async () => {
    const { user, authenticator } = world;
    const other = await house.server.inside(({ users }) => users.create({ email: `${randomToken(6)}@example.com` }));
    await house.server.inside(async ({ passkeyCeremonies: ceremonies }) => {
      const challenge = async (...[flow, whose]: Parameters<typeof ceremonies.authenticationOptions>) =>
        (await ceremonies.authenticationOptions(flow, whose)).challenge;
      const registration = (await ceremonies.registrationOptions(user, 'flow')).challenge;
      const options = await ceremonies.authenticationOptions('flow', user);
      for (const wrong of [
        await challenge('flow'),
        await challenge('another', user),
        await challenge('flow', other),
        registration,
        randomToken(),
      ])
        expect(await ceremonies.authenticate('flow', authenticator.get({ ...options, challenge: wrong }), user)).toBe(
          undefined,
        );
      expect(await ceremonies.authenticate('flow', authenticator.get(options), user)).toBeDefined();
    });
  });

  it('one code of an authenticator lets one of ten browsers in', async () => {
    const browsers = Array.from({ length: 10 }, () => new Elsewhere());
    const pages = await Promise.all(browsers.map((browser) => house.toSecondFactor(browser, world.user.email)));
    const value = await house.code(world.secret);
    const ends = await Promise.all(
      browsers.map(async (browser, i) => browser.submit(pages[i] as Page, { code: value })),
    );
    expect(ends.filter(({ url }) => new URL(url).searchParams.has('code'))).toHaveLength(1);
  });
});
