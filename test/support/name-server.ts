// DNS, as far as the server asks it: what is put there is found, everything else is not there, fails, or is never answered.
export class NameServer {
  /** Every name that was asked for, in order. */
  readonly asked: string[] = [];
  private readonly records = new Map<string, string[]>();
  private readonly failures = new Map<string, string>();
  private held: Promise<void> | undefined;

  /** Each a record of its own, in place of what was there; long ones in pieces, as a server has them. */
  put(name: string, ...texts: string[]): void {
    this.failures.delete(name);
    this.records.set(name, texts);
  }

  /** @param code of node:dns, or `silence`. */
  fail(name: string, code: string): void {
    this.failures.set(name, code);
  }

  clear(): void {
    this.records.clear();
    this.failures.clear();
    this.asked.length = 0;
    this.held = undefined;
  }

  /** Until it is released nobody is answered. @returns what releases it. */
  hold(): () => void {
    let release = () => {};
    this.held = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  resolveTxt = async (name: string): Promise<string[][]> => {
    this.asked.push(name);
    await this.held;
    const code = this.failures.get(name) ?? (this.records.has(name) ? undefined : 'ENOTFOUND');
    if (code === 'silence') await new Promise(() => {});
    if (code) throw Object.assign(new Error(code), { code });
    return (this.records.get(name) ?? []).map((text) => [text.slice(0, 20), text.slice(20)]);
  };
}
