// Everything that is good once, at every endpoint that takes something like it: taken by exactly one, and there exactly once.
// A purpose, a step or a page that takes a form and has no row (test/support/one-time-*.ts) does not pass.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { inventory } from '../../src/api/contract.js';
import { endpointsOf } from '../../src/endpoints.js';
import { TTL_SECONDS } from '../../src/features/one-time-tokens/one-time-purposes.js';
import type { Services } from '../../src/services.js';
import type { Page } from '../support/browser.js';
import { withoutNonces } from '../support/journey.js';
import { mountedRoutes } from '../support/mounted.js';
import { type Door, doorsOf, takeNone, takenAt } from '../support/one-time-doors.js';
import { OneTimeHouse, type World } from '../support/one-time-house.js';
import { type Kind, kindsOf } from '../support/one-time-kinds.js';

describe('what is good once is taken by exactly one endpoint, once (RFC 9700 §4, OWASP ASVS 5.0 V6.6)', () => {
  const house = new OneTimeHouse();
  const doors = doorsOf(house);
  const kinds = kindsOf(house);
  let world: World;

  beforeAll(() => house.open(), 60_000);
  afterAll(() => house.server?.close());
  beforeEach(async () => {
    world = await house.furnish();
  });

  const made = Object.entries(kinds).filter((one): one is [string, Kind] => typeof one[1] !== 'string');

  describe('everything there is takes part', () => {
    it('every purpose, and every page and step that takes a form', () => {
      expect(Object.keys(kinds)).toEqual(expect.arrayContaining(Object.keys(TTL_SECONDS)));
      const managed = new Set(
        inventory(endpointsOf({} as Services)).map(({ method, path }) => `${method.toUpperCase()} /api/v1${path}`),
      );
      const mounted = mountedRoutes(house.server)
        .filter((route) => route.startsWith('POST '))
        // What a bearer token opens takes nothing that is good once.
        .filter((route) => !managed.has(route));
      const known = [
        ...Object.keys(doors).map((name) => name.split(' ').slice(0, 2).join(' ')),
        ...Object.keys(takeNone),
      ];
      expect(mounted.filter((route) => !known.includes(route))).toEqual([]);
      for (const [, kind] of made) expect(Object.keys(doors)).toEqual(expect.arrayContaining(kind.doors));
    });
  });

  describe.each(made)('%s', (_name, { doors: ofKind, make, event }) => {
    const [door = ''] = ofKind;
    const own = () => doors[door] as Door;

    it('is refused everywhere else, used up by nothing, taken where it belongs, and not twice', async () => {
      const value = await make(world);
      const others = Object.entries(doors).filter(([name]) => !ofKind.includes(name));
      expect(await takenAt(others, value, world)).toEqual([]);
      const first = await own()(value, world);
      expect([first.taken, first.text.slice(0, 300)]).toEqual([true, expect.anything()]);
      const again = await house.furnishAgain(world);
      for (const name of ofKind)
        expect([name, (await (doors[name] as Door)(value, again)).taken]).toEqual([name, false]);
    });

    it('goes to one of 50 who come with it at once; the others hear the same, and one thing happens', async () => {
      const value = await make(world);
      const events = () => house.query('SELECT count(*)::int AS n FROM audit_events WHERE name = $1', [event]);
      const [before] = event ? await events() : [];
      const answers = await Promise.all(Array.from({ length: 50 }, () => own()(value, world)));
      for (const { status } of answers) expect(status).toBeLessThan(500);
      if (event) expect((await events())[0].n - before.n).toBe(1);
      if (door.includes(':step')) return;
      expect(answers.filter(({ taken }) => taken)).toHaveLength(1);
      const losers = answers.filter(({ taken }) => !taken);
      const said = new Set(losers.map(({ status, text }) => `${status} ${withoutNonces({ html: text } as Page)}`));
      expect([...said]).toHaveLength(1);
    });
  });
});
