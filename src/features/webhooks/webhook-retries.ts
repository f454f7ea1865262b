// When a delivery that failed is tried again, and when an endpoint that fails is left alone. Pure: a table test holds it.

/** Seconds between an attempt and the next: about a day in all. After the last it is a dead letter, and somebody has to ask for it. */
const PAUSES = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 21_600, 36_000];

/** By how much a pause may differ, so that what failed together does not come back together. */
const JITTER = 0.2;

/** @param random of [0, 1). @returns undefined where there is no further attempt. */
export function nextAttemptAt(now: Date, attempt: number, random: number): Date | undefined {
  const seconds = PAUSES[attempt - 1];
  if (seconds === undefined) return undefined;
  return new Date(now.getTime() + seconds * 1000 * (1 + JITTER * (2 * random - 1)));
}

/** So many failures in a row, and an endpoint is left alone; then one delivery at a time finds out whether it is back. */
export const FAILURES_UNTIL_PAUSE = 10;

const pauseMs = { least: 30_000, most: 900_000 };

/** @returns until when it is left alone; null where it is not. */
export function resumesAt(now: Date, failures: number): Date | null {
  const over = failures - FAILURES_UNTIL_PAUSE;
  if (over < 0) return null;
  return new Date(now.getTime() + Math.min(pauseMs.least * 2 ** Math.min(over, 10), pauseMs.most));
}

/** For so long nothing was taken, and it is disabled. */
export const GIVE_UP_AFTER_MS = 5 * 86_400_000;
