// Hosts of documents that did not answer a moment ago: who waits for them is the client's own people, so that they are not asked with every request.

const MOST = 1000;
const REST_MS = 30_000;

export class Silences {
  private readonly noted = new Map<string, { until: number; asked: number }>();

  /** @param until when what is known has run out: what is read anew has nothing to do with it. */
  note(key: string, until: number, now: number): void {
    if (this.noted.size >= MOST) this.noted.clear();
    this.noted.set(key, { until, asked: now });
  }

  has(key: string, until: number, now: number): boolean {
    const found = this.noted.get(key);
    return found !== undefined && found.until === until && now - found.asked < REST_MS;
  }
}
