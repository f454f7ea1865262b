import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BoundedCache } from '../../../src/platform/cache.js';
import { runInContext } from '../../../src/platform/context.js';

/** A cache over a table that a test can change, with loads that land when the test says so. */
function world({ max = 10, automatic = true } = {}) {
  const rows = new Map<string, string>();
  const loads: string[] = [];
  const landings: (() => void)[] = [];
  let time = 1_000_000;
  let listener = (_key: string) => {};
  let failing = false;
  const invalidation = {
    live: true,
    inTransaction: false,
    subscribe(_topic: string, heard: (key: string) => void) {
      listener = heard;
      return () => {};
    },
  };
  const cache = new BoundedCache<string>({
    max,
    topic: 'row',
    invalidation,
    clock: { now: () => new Date(time) },
    load(key) {
      loads.push(key);
      if (failing) return Promise.reject(new Error('database away'));
      const value = rows.get(key);
      return automatic ? Promise.resolve(value) : new Promise((resolve) => landings.push(() => resolve(value)));
    },
  });
  return {
    cache,
    rows,
    loads,
    invalidation,
    invalidate: (key: string) => listener(key),
    pass(ms: number) {
      time += ms;
    },
    deafFor(ms: number) {
      invalidation.live = false;
      time += ms;
    },
    land: () => landings.shift()?.(),
    fail(on: boolean) {
      failing = on;
    },
    now: () => time,
  };
}
type World = ReturnType<typeof world>;

describe('a bounded cache', () => {
  it.each<[string, (w: World) => unknown, number]>([
    ['keeps what it loaded', () => {}, 1],
    ['keeps it for as long as changes are heard', (w) => w.pass(86_400_000), 1],
    ['loads again after an invalidation of the key', (w) => w.invalidate('a'), 2],
    ['loads again after drop', (w) => w.cache.drop('a'), 2],
    ['loads again after an invalidation of everything', (w) => w.invalidate('*'), 2],
    ['keeps it after an invalidation of another key', (w) => w.invalidate('b'), 1],
    ['keeps it for less than a second while changes are not heard', (w) => w.deafFor(999), 1],
    ['loads again after a second while changes are not heard', (w) => w.deafFor(1_000), 2],
    ['loads again after the clock was set back while changes are not heard', (w) => w.deafFor(-5_000), 2],
    ['steps aside inside a transaction', (w) => Object.assign(w.invalidation, { inTransaction: true }), 2],
  ])('%s', async (_rule, event, loads) => {
    const w = world();
    w.rows.set('a', 'value');
    expect(await w.cache.get('a')).toBe('value');
    event(w);
    expect(await w.cache.get('a')).toBe('value');
    expect(w.loads).toHaveLength(loads);
  });

  it.each([
    [999, 1],
    [1_000, 2],
  ])('an absence is %i ms old: %i loads', async (ms, loads) => {
    const w = world();
    expect(await w.cache.get('a')).toBeUndefined();
    w.pass(ms);
    expect(await w.cache.get('a')).toBeUndefined();
    expect(w.loads).toHaveLength(loads);
  });

  it('does not keep what a transaction saw', async () => {
    const w = world();
    w.rows.set('a', 'uncommitted');
    w.invalidation.inTransaction = true;
    expect(await w.cache.get('a')).toBe('uncommitted');
    w.rows.set('a', 'true');
    w.invalidation.inTransaction = false;
    expect(await w.cache.get('a')).toBe('true');
  });

  it('lets go first what was not asked for longest', async () => {
    const w = world({ max: 2 });
    for (const key of ['a', 'b', 'c']) w.rows.set(key, key);
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await w.cache.get(key);
    expect(w.loads).toEqual(['a', 'b', 'c', 'b']);
    expect(w.cache.size).toBe(2);
  });

  it('loads once for all who ask at the same time', async () => {
    const w = world({ automatic: false });
    w.rows.set('a', 'value');
    const answers = Promise.all([w.cache.get('a'), w.cache.get('a'), w.cache.get('a')]);
    w.land();
    expect(await answers).toEqual(['value', 'value', 'value']);
    expect(w.loads).toEqual(['a']);
  });

  it.each(['a', '*'])(
    'an invalidation of %s during a load: answered to who waits, not kept, not shared with who comes later',
    async (key) => {
      const w = world({ automatic: false });
      w.rows.set('a', 'old');
      const early = w.cache.get('a');
      w.rows.set('a', 'new');
      w.invalidate(key);
      const late = w.cache.get('a');
      w.land();
      w.land();
      expect([await early, await late]).toEqual(['old', 'new']);
      expect(await w.cache.get('a')).toBe('new');
      expect(w.loads).toHaveLength(2);
    },
  );

  it('keeps no error, and tells it to all who waited', async () => {
    const w = world();
    w.rows.set('a', 'value');
    w.fail(true);
    const outcomes = await Promise.allSettled([w.cache.get('a'), w.cache.get('a')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    w.fail(false);
    expect(await w.cache.get('a')).toBe('value');
    expect(w.loads).toHaveLength(2);
  });

  it('tells old answers to those who ask for what is published, and builds nothing of them that others are told', async () => {
    const asPublished = <T>(work: () => T) => runInContext({ requestId: 'r', published: true }, work);
    const w = world({ automatic: false });
    const built = new BoundedCache<string>({
      max: 10,
      topic: 'built',
      invalidation: { ...w.invalidation, subscribe: () => () => {} },
      clock: { now: () => new Date(w.now()) },
      load: async (key) => `built of ${await w.cache.get(key)}`,
    });
    w.rows.set('a', 'old');
    const first = w.cache.get('a');
    w.land();
    await first;
    w.rows.set('a', 'new');
    w.invalidate('*');

    const building = asPublished(() => built.get('a'));
    const told = asPublished(() => w.cache.get('a'));
    // The database is silent for longer than the first is asked to wait.
    expect(await told).toBe('old');
    w.land();
    expect(await building).toBe('built of new');
    expect(await built.get('a')).toBe('built of new');
  });

  it('takes no absence for the last answer to what is published', async () => {
    const w = world();
    expect(await w.cache.get('a')).toBeUndefined();
    w.pass(1_000);
    w.fail(true);
    const asked = runInContext({ requestId: 'r', published: true }, () => w.cache.get('a'));
    await expect(asked).rejects.toThrow('database away');
  });

  it('answers an error rather than an old value when it cannot look again', async () => {
    const w = world();
    w.rows.set('a', 'value');
    await w.cache.get('a');
    w.invalidation.live = false;
    w.pass(1_000);
    w.fail(true);
    await expect(w.cache.get('a')).rejects.toThrow('database away');
  });

  it('never answers what was false when it was asked, whatever the order of loads, changes and invalidations', async () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ do: fc.constant('get' as const), key }),
      fc.record({ do: fc.constant('change' as const), key, star: fc.boolean() }),
      fc.record({ do: fc.constant('land' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const w = world({ max: 2, automatic: false });
        const version = new Map<string, number>();
        const asked: { key: string; atLeast: number; answer: Promise<string | undefined> }[] = [];
        for (const one of steps) {
          if (one.do === 'get') {
            asked.push({ key: one.key, atLeast: version.get(one.key) ?? 0, answer: w.cache.get(one.key) });
          } else if (one.do === 'change') {
            version.set(one.key, (version.get(one.key) ?? 0) + 1);
            w.rows.set(one.key, String(version.get(one.key)));
            w.invalidate(one.star ? '*' : one.key);
          } else {
            w.land();
            await new Promise(setImmediate);
          }
          expect(w.cache.size).toBeLessThanOrEqual(2);
        }
        for (let left = w.loads.length; left > 0; left--) w.land();
        for (const { atLeast, answer } of asked) expect(Number((await answer) ?? 0)).toBeGreaterThanOrEqual(atLeast);
      }),
      { numRuns: 200 },
    );
  });

  describe('where the database is away', () => {
    const asked = (w: World, published: boolean) => runInContext({ requestId: 'r', published }, () => w.cache.get('a'));

    it.each<[string, (w: World) => unknown]>([
      ['and changes are not heard any more', (w) => w.deafFor(10_000)],
      ['and anything may have changed', (w) => w.invalidate('*')],
    ])('tells what is published as it was last known %s, and nothing else', async (_when, pass) => {
      const w = world();
      w.rows.set('a', '1');
      await w.cache.get('a');
      pass(w);
      w.fail(true);
      expect(await asked(w, true)).toBe('1');
      await expect(asked(w, false)).rejects.toThrow('database away');
      w.fail(false);
      w.rows.set('a', '2');
      expect(await asked(w, true)).toBe('2');
    });

    it('does so too where it says nothing at all', async () => {
      const w = world({ automatic: false });
      w.rows.set('a', '1');
      const first = w.cache.get('a');
      w.land();
      await first;
      w.deafFor(10_000);
      expect(await asked(w, true)).toBe('1');
    });

    it('tells nobody what has been dropped', async () => {
      const w = world();
      w.rows.set('a', '1');
      await w.cache.get('a');
      w.invalidate('a');
      w.fail(true);
      await expect(asked(w, true)).rejects.toThrow('database away');
    });
  });

  it('while changes are not heard, never answers what was false a second ago', async () => {
    const step = fc.oneof(
      fc.constant('get' as const),
      fc.constant('change' as const),
      fc.integer({ min: 1, max: 1_500 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const w = world();
        w.invalidation.live = false;
        const truths: { from: number; value: string | undefined }[] = [{ from: 0, value: undefined }];
        for (const one of steps) {
          if (typeof one === 'number') w.pass(one);
          else if (one === 'change') {
            const value = String(truths.length);
            w.rows.set('a', value);
            truths.push({ from: w.now(), value });
          } else {
            const value = await w.cache.get('a');
            const next = truths[truths.findIndex((truth) => truth.value === value) + 1];
            expect(next === undefined || w.now() - next.from < 1_000).toBe(true);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
