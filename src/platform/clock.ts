// The one source of time, so that tests can move it.
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** Seconds since 1970-01-01T00:00:00Z, the NumericDate of RFC 7519 §2. */
export const epochSeconds = (date: Date) => Math.floor(date.getTime() / 1000);
