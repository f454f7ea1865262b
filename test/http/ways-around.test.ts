// Every way in, and every way somebody might try to go around the second factor that the account has or the tenant requires.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { FirstFactor } from '../../src/features/tenants/authentication-policy.js';
import { asksSecond, GuardedHouse, type WayIn } from '../support/guarded.js';
import { waysAround } from '../support/ways-around.js';

describe('nobody goes past the second factor (OWASP ASVS 5.0 V6.3.1, V6.3.4)', () => {
  const house = new GuardedHouse();
  beforeAll(() => house.open(), 60_000);
  afterAll(() => house.server?.close());
  beforeEach(() => house.anew());

  const tried = Object.entries(house.waysIn).filter((way): way is [FirstFactor, WayIn] => typeof way[1] === 'function');

  describe.each(tried)('in by %s', (_name, wayIn) => {
    it.each(Object.entries(waysAround(house)))('and around by %s: not in', async (_around, around) => {
      const at = await wayIn(await house.begin(), house.victim, house.browser);
      expect(asksSecond(at)).toBe(true);
      const end = await around(at, wayIn);
      if (end) expect(new URL(end.url).searchParams.get('code')).toBeNull();
      expect(await house.sessionsOf(house.victim)).toBe(0);
    });
  });

  it('names every first factor there is', () => {
    expect(tried.length).toBeGreaterThan(1);
  });
});
