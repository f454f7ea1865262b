// What the gate has looked at, in order: each check is written down, and the first that fails ends it. Nothing is thrown at whoever asks.
import type { Check } from '../features/connections/check.js';
import { XmlRefusal } from './xml/refusal.js';

export type Opened<T> = { ok: true; value: T; checks: Check[] } | { ok: false; reason: string; checks: Check[] };

export type Seen = Pick<Check, 'seen' | 'expected' | 'setting'>;

class Refused extends Error {
  constructor(readonly reason: string) {
    super(reason);
  }
}

export class Checks {
  readonly made: Check[] = [];

  /** @param reason where the check is called otherwise than its failure. @throws what `opened` takes */
  must(check: string, passed: boolean, seen: Seen = {}, reason = check): asserts passed {
    this.made.push({ check, passed, ...cut(seen) });
    if (!passed) throw new Refused(reason);
  }
}

/** @returns the reason of a refusal: the name of the check that failed, or of what the XML was refused for */
export async function opened<T>(open: (checks: Checks) => T | Promise<T>): Promise<Opened<T>> {
  const checks = new Checks();
  try {
    return { ok: true, value: await open(checks), checks: checks.made };
  } catch (error) {
    return { ok: false, reason: reasonOf(error, checks), checks: checks.made };
  }
}

function reasonOf(error: unknown, { made }: Checks): string {
  if (error instanceof Refused) return error.reason;
  // Whatever else a message brings about, it is refused.
  const reason = error instanceof XmlRefusal ? error.reason : 'gate_failed';
  made.push({ check: reason, passed: false });
  return reason;
}

const LENGTH = 512;
const MANY = 50;

function cut({ seen, expected, setting }: Seen): Seen {
  return {
    ...(seen !== undefined && { seen: shortened(seen) }),
    ...(expected !== undefined && { expected: shortened(expected) }),
    ...(setting !== undefined && { setting }),
  };
}

function shortened(value: NonNullable<Check['seen']>): NonNullable<Check['seen']> {
  if (Array.isArray(value)) return value.slice(0, MANY).map((one) => one.slice(0, LENGTH));
  return typeof value === 'string' ? value.slice(0, LENGTH) : value;
}
