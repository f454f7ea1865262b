import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectNoTenantsAt, keyIdsOf, type Neighbours, neighbours, shownAt, worksAt } from '../support/isolation.js';
import { post } from '../support/party.js';
import type { House } from '../support/tenancy.js';

describe('what a tenant on a host has given out is nothing at another (RFC 9700 §2.3, RFC 8414 §2)', () => {
  let all: Neighbours;
  const house = (slug: string): House => all.house(slug);

  beforeAll(async () => {
    all = await neighbours('own', 'two');
  }, 300_000);
  afterAll(() => all?.server.close());

  const directions = [
    ['default', 'own'],
    ['own', 'two'],
    ['own', 'default'],
  ] as const;
  describe.each(directions.map((one, number) => [...one, number] as const))(
    'what %s has given out, at %s',
    (from, to, number) => {
      it('is refused at every endpoint like what nobody has given out, tells nothing, and goes on where it came from', async () => {
        const { pairs, wrong, dead } = await shownAt(house(from), house(to), { number, of: directions.length });
        expect(pairs).toBeGreaterThan(1_000);
        expect(wrong).toEqual([]);
        expect(dead).toEqual([]);
        expect(await worksAt(house(to))).toBe(true);
      }, 240_000);
    },
  );

  it('an audience of the installation is not to be had at a host of its own (RFC 8707 §2)', async () => {
    const form = {
      grant_type: 'client_credentials',
      resource: `${house('default').server.issuer}/api`,
      scope: 'users:read',
    };
    expect((await post(house('own').server, '/token', house('own').party, form)).body.error).toBe('invalid_target');
  });

  it('each issuer has keys of its own (RFC 7517)', async () => {
    const sets = await Promise.all(all.houses.map(keyIdsOf));
    expect(new Set(sets.flat()).size).toBe(sets.flat().length);
  });

  it('tenants, and the scopes for them, are known at the installation only', async () => {
    await expectNoTenantsAt(house('own'), house('default'));
  });
});
