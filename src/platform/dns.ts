// The only place that asks DNS for records: within a time and a size, and what was not answered is not the same as what is not there.
// Names that are called are egress.ts's.
import { Resolver } from 'node:dns/promises';

export class DnsError extends Error {
  constructor(name: string, cause: unknown) {
    super(`DNS does not answer for ${name}`, { cause });
    this.name = 'DnsError';
  }
}

/** Strings of each record, as node:dns has them. */
type TxtLookup = (name: string) => Promise<string[][]>;

export interface DnsSettings {
  /** For a whole question. */
  timeoutMs: number;
  resolveTxt?: TxtLookup;
}

/** There may be many TXT records at a name of somebody else; nobody needs more of them. */
const MOST_RECORDS = 100;
/** RFC 7208 §3.4 finds 450 octets too much for comfort; what we look for is far shorter. */
const MOST_CHARACTERS = 1024;

/** What DNS says where there is nothing: no such name, or no such record at it. */
const NOTHING = new Set(['ENOTFOUND', 'ENODATA']);

export class Dns {
  private resolver: Resolver | undefined;

  constructor(private readonly settings: DnsSettings) {}

  /**
   * TXT records (RFC 1035 §3.3.14), the strings of each put together. Whatever is longer than we ask for is left out.
   * @returns nothing where there are none. @throws DnsError where nobody answers in time, or with an error.
   */
  async resolveTxt(name: string): Promise<string[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new DnsError(name, 'timeout')), this.settings.timeoutMs);
    });
    try {
      const records = await Promise.race([(this.settings.resolveTxt ?? this.system)(name), late]);
      const texts = records.slice(0, MOST_RECORDS).map((strings) => strings.join(''));
      return texts.filter((text) => text.length <= MOST_CHARACTERS);
    } catch (error) {
      if (NOTHING.has((error as NodeJS.ErrnoException).code ?? '')) return [];
      throw error instanceof DnsError ? error : new DnsError(name, error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Opened with the first question: many servers never put one. */
  private readonly system: TxtLookup = (name) => {
    this.resolver ??= new Resolver({ timeout: Math.ceil(this.settings.timeoutMs / 2), tries: 2 });
    return this.resolver.resolveTxt(name);
  };
}
