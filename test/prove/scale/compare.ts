// Both servers, request by request in turn: whatever else the machine does meanwhile, it does to both.
import type { Operation } from './operations.js';
import type { Side } from './side.js';

export interface Row {
  name: string;
  /** p95 in milliseconds, the median of the rounds. */
  empty: number;
  full: number;
  ratio: number;
  /** Items on a page where they differ: then the comparison is not fair. */
  remark?: string;
}

const rounds = 3;
/** Few at a time: what is measured is how long one takes, not how many can wait. */
const concurrency = 2;

export async function compare(operation: Operation, sides: readonly [Side, Side]): Promise<Row> {
  const p95s = new Map<Side, number[]>(sides.map((side) => [side, []]));
  const answers = new Map<Side, Set<string>>(sides.map((side) => [side, new Set()]));
  const round = async (count: number, first: number) => {
    const times = new Map<Side, number[]>(sides.map((side) => [side, []]));
    let index = first;
    const worker = async (number: number) => {
      while (index < first + count) {
        const mine = index++;
        // Who goes first takes turns too.
        for (const side of (mine + number) % 2 ? sides : [...sides].reverse()) {
          const run = await operation.prepare(side, mine);
          const started = performance.now();
          const answer = await run();
          times.get(side)?.push(performance.now() - started);
          if (typeof answer === 'number') answers.get(side)?.add(String(answer));
        }
      }
    };
    await Promise.all(Array.from({ length: concurrency }, (_, number) => worker(number)));
    return times;
  };
  await round(Math.ceil(operation.count / 10), 0);
  for (let number = 0; number < rounds; number += 1) {
    const times = await round(operation.count, (number + 1) * operation.count);
    for (const side of sides) p95s.get(side)?.push(p95(times.get(side) ?? []));
  }
  const [empty, full] = sides.map((side) => median(p95s.get(side) ?? [])) as [number, number];
  const [a, b] = sides.map((side) => [...(answers.get(side) ?? [])].sort().join(' or '));
  return {
    name: operation.name,
    empty,
    full,
    ratio: full / empty,
    ...(a === b ? {} : { remark: `${a} items and ${b}` }),
  };
}

export function p95(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)] ?? Number.NaN;
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
