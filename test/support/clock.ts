/** Time that stands still until it is moved, so that a code is of one step. The engine's own rows go by the real one. */
export class StoppedClock {
  private time = Date.now();
  now = () => new Date(this.time);
  move(seconds: number): void {
    this.time += seconds * 1000;
  }
  reset(): void {
    this.time = Date.now();
  }
}

/** Time that goes on, and is moved besides. */
export class MovedClock {
  private offset = 0;
  now = () => new Date(Date.now() + this.offset);
  move(seconds: number): void {
    this.offset += seconds * 1000;
  }
  reset(): void {
    this.offset = 0;
  }
}
