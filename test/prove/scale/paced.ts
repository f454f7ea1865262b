// Requests at a fixed rate, whether or not the ones before have been answered: a pause of the server shows in all that come meanwhile.
export interface Timed {
  at: number;
  milliseconds: number;
}

export class Paced {
  readonly times: Timed[] = [];
  readonly failures: string[] = [];
  private readonly running = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;

  constructor(rate: number, request: () => Promise<unknown>) {
    const began = performance.now();
    let sent = 0;
    this.timer = setInterval(() => {
      for (; sent < ((performance.now() - began) * rate) / 1000; sent += 1) this.send(request);
    }, 1000 / rate);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.running);
  }

  private send(request: () => Promise<unknown>): void {
    const at = performance.now();
    const one = request()
      .then(
        () => void this.times.push({ at, milliseconds: performance.now() - at }),
        (error: unknown) => void this.failures.push(String(error)),
      )
      .finally(() => void this.running.delete(one));
    this.running.add(one);
  }
}

/** Turns of equal length in which something else goes on: a machine that is busy with others makes neither of them longer. */
export class Turns {
  private readonly begun: number[] = [];

  constructor(private readonly milliseconds: number) {}

  begin(): void {
    this.begun.push(performance.now());
  }

  /** Requests sent in a turn, and those sent between two. */
  divide(times: readonly Timed[]): { inside: number[]; outside: number[] } {
    const isInside = ({ at }: Timed) => this.begun.some((from) => at >= from && at < from + this.milliseconds);
    return {
      inside: times.filter(isInside).map(({ milliseconds }) => milliseconds),
      outside: times.filter((one) => !isInside(one)).map(({ milliseconds }) => milliseconds),
    };
  }
}
