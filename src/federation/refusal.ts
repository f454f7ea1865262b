// What is looked at in an answer of an identity provider, one thing after the other, until one of them is not as it has to be.
import type { Check } from '../features/connections/check.js';

/** An answer that is not believed. */
export class Refused extends Error {
  /** @param checks that were made of it, the one that failed last. */
  constructor(
    readonly checks: readonly Check[],
    /** For looking at it again: sealed wherever it is kept. */
    readonly received?: string | undefined,
  ) {
    super(checks.find(({ passed }) => !passed)?.check);
    this.name = 'Refused';
  }

  /** For the record: the name of the check. */
  get reason(): string {
    return this.message;
  }
}

export class Examination {
  readonly checks: Check[] = [];
  /** What was received, as soon as it is known. */
  received: string | undefined;

  /** @throws Refused where one of them failed: nothing behind it is looked at. */
  pass(...checks: Check[]): void {
    this.checks.push(...checks);
    if (checks.some(({ passed }) => !passed)) throw new Refused(this.checks, this.received);
  }
}

/** What others have sent, as it is shown to an administrator: short, and of characters that show. */
export const shown = (value: unknown): string => {
  if (value === undefined || value === null) return 'absent';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
};
