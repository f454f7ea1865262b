// Times of SAML (SAML Core §1.3.3), and the skew between two clocks.

const WRITTEN = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds; with its zone said, because one reader's local time is not another's. @returns NaN where it is no time */
export function timeOf(text: string | undefined): number {
  return text !== undefined && WRITTEN.test(text) ? Date.parse(text) : Number.NaN;
}

export class Clocks {
  constructor(
    readonly now: Date,
    readonly skewSeconds: number,
  ) {}

  /** Not after now, as far as clocks agree. */
  hasBegun(time: number): boolean {
    return time <= this.now.getTime() + this.skewSeconds * 1000;
  }

  /** `NotOnOrAfter`. */
  isBefore(time: number): boolean {
    return this.now.getTime() - this.skewSeconds * 1000 < time;
  }

  /** @returns what a check shows of a time */
  seen(text: string | undefined) {
    return {
      ...(text !== undefined && { seen: text }),
      expected: this.now.toISOString(),
      setting: 'saml.clock_skew_seconds',
    };
  }
}

export const numericDate = (time: number): number => Math.floor(time / 1000);
