// When the events of a chain happened, held against the order in which they were sealed and the time at which that was signed: what nobody can date
// back who has only the database.
import type { Checkpoint } from './checkpoint.js';

/** Longer than any transaction waits for its end: what is recorded is sealed within seconds after that, and signed for within minutes. */
const patienceMs = 3600_000;

export class ChainDates {
  /** Events that were signed for much later than they happened: whoever had the database meanwhile can have written them. */
  late = 0;
  /** What happened before was recorded before there were seals, which took it in as it was found. */
  private readonly beganAt: number;
  private newest = 0;

  /** @param checkpoints oldest first. */
  constructor([oldest]: readonly Checkpoint[]) {
    this.beganAt = millisecondsOf(oldest);
  }

  /**
   * In the order of the sequence. Those that wait are sealed oldest first: what stands behind much younger ones was not there when they were sealed.
   * @param signed what it is signed for by, where it is yet.
   * @returns whether it was put into the past.
   */
  take(at: number, signed: Checkpoint | undefined): boolean {
    const isBackdated = at >= this.beganAt && at < this.newest - patienceMs;
    // A clock that was ahead makes nobody else's events late.
    this.newest = Math.max(this.newest, Math.min(at, millisecondsOf(signed)));
    if (signed && at < millisecondsOf(signed) - patienceMs) this.late += 1;
    return isBackdated;
  }
}

const millisecondsOf = (checkpoint: Checkpoint | undefined): number =>
  (checkpoint?.iat ?? Number.POSITIVE_INFINITY) * 1000;
