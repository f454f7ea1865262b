// What was measured, for people (docs/reports/bench.md) and for programs (--json).
export interface Row {
  name: string;
  unit: string;
  bare: number | null;
  ours: number;
  /** Above 1 is better than bare. */
  ratio: number | null;
  /** What the ratio should reach; of a row without one, what `ours` should stay below. */
  target: number | null;
  note?: string;
}

export const reached = ({ ours, ratio, target }: Row): boolean | undefined =>
  target === null ? undefined : ratio === null ? ours <= target : ratio >= target;
