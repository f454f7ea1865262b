// Keys that nothing is counted against: asked a moment ago, they are not asked again, so that whoever does nothing wrong waits for nobody.
const trustMs = 1_000;
const keyLimit = 10_000;

/**
 * What this process counts itself ends the silence at once; what another counts is heard within a second. Until then a limit may let through
 * what comes to this process, and each wrong guess among it is counted as ever.
 */
export class QuietKeys {
  private readonly until = new Map<string, number>();
  private counted = 0;

  has(key: string): boolean {
    const until = this.until.get(key);
    if (until === undefined) return false;
    if (until > performance.now()) return true;
    this.until.delete(key);
    return false;
  }

  /** @returns what to call when the answer is that nothing is counted; in vain where something was counted in between. */
  listen(key: string): () => void {
    const before = this.counted;
    return () => {
      if (this.counted !== before) return;
      if (this.until.size >= keyLimit) this.until.clear();
      this.until.set(key, performance.now() + trustMs);
    };
  }

  end(key: string): void {
    this.counted += 1;
    this.until.delete(key);
  }
}
