// What is looked at in an answer of an identity provider, one thing after the other, until one of them is not as it has to be.
import type { Check } from '../features/connections/check.js';

/** An answer that is not believed. */
export class Refused extends Error {
  /** @param checks that were made of it, the one that failed last. */
  constructor(
    readonly checks: readonly Check[],
    cause?: unknown,
  ) {
    super(checks.at(-1)?.check, { cause });
    this.name = 'Refused';
  }

  /** For the record: the name of the check. */
  get reason(): string {
    return this.checks.find(({ passed }) => !passed)?.check ?? 'unknown';
  }
}

export class Examination {
  readonly checks: Check[] = [];

  /** @throws Refused where one of them failed: nothing behind it is looked at. */
  pass(...checks: Check[]): void {
    this.checks.push(...checks);
    if (checks.some(({ passed }) => !passed)) throw new Refused(this.checks);
  }
}

/** What others have sent, as it is shown to an administrator: short, and of characters that show. */
export const shown = (value: unknown): string => {
  if (value === undefined || value === null) return 'absent';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
};
