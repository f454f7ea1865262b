import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { together } from '../../../src/platform/together.js';

describe('what is asked in one turn', () => {
  it('is asked once, each gets the answer to its own question, and groups stay apart', async () => {
    const asked: [string, number[]][] = [];
    const double = together(async (group, all: number[]) => {
      asked.push([group, all]);
      return all.map((one) => one * 2);
    });
    expect(await Promise.all([double('a', 1), double('b', 7), double('a', 2), double('a', 1)])).toEqual([2, 14, 4, 2]);
    expect(asked).toEqual([
      ['a', [1, 2, 1]],
      ['b', [7]],
    ]);
  });

  it('waits for nobody: a later turn asks again while the earlier one is still without an answer', async () => {
    const open: (() => void)[] = [];
    const slow = together((_group, all: string[]) => new Promise<string[]>((resolve) => open.push(() => resolve(all))));
    const first = slow('a', 'first');
    await turn();
    const second = slow('a', 'second');
    await turn();
    expect(open.length).toBe(2);
    open[1]?.();
    expect(await second).toBe('second');
    open[0]?.();
    expect(await first).toBe('first');
  });

  it('one that brings what cannot be kept does not fail the others (SQLSTATE classes 22 and 23)', async () => {
    const fragile = together(async (_group, all: number[]) => {
      if (all.includes(13)) throw Object.assign(new Error('thirteen'), { code: '23503' });
      return all;
    });
    const answers = await Promise.allSettled([fragile('a', 1), fragile('a', 13), fragile('a', 2)]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('a database that is away is asked once, and everybody hears of it', async () => {
    let asked = 0;
    const away = together(async (): Promise<number[]> => {
      asked += 1;
      throw Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
    });
    const answers = await Promise.allSettled([away('a', 1), away('a', 2)]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(asked).toBe(1);
  });

  it('a crowd is several questions of a bounded size', async () => {
    const sizes: number[] = [];
    const count = together(async (_group, all: number[]) => {
      sizes.push(all.length);
      return all;
    });
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => count('a', index)));
    expect(answers).toEqual(Array.from({ length: 200 }, (_, index) => index));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64);
  });
});
