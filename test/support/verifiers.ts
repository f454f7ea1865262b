// Third parties that hold tokens against the published key set, each with its own idea of caching; and how it is gone about all the time.
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';

export interface Verifier {
  name: string;
  verify(token: string): Promise<void>;
  /** As if its cache had run out. */
  renew(): Promise<void>;
}

/** Fetches at the issuer's address, so at any process. */
export function verifiersOf(issuer: string): Verifier[] {
  const url = new URL(`${issuer}/jwks`);
  const make = (name: string, options: Parameters<typeof createRemoteJWKSet>[1]): Verifier => {
    const keys = createRemoteJWKSet(url, options);
    return {
      name,
      verify: async (token) => void (await jwtVerify(token, keys, { issuer })),
      renew: () => keys.reload(),
    };
  };
  return [
    // Never asks again before its time: what signs has to be published long before.
    make('patient', { cacheMaxAge: Number.POSITIVE_INFINITY, cooldownDuration: Number.POSITIVE_INFINITY }),
    // Asks whenever it meets a kid it does not know.
    make('curious', { cacheMaxAge: Number.POSITIVE_INFINITY, cooldownDuration: 0 }),
    // Has forgotten everything after a moment.
    make('forgetful', { cacheMaxAge: 200, cooldownDuration: 0 }),
  ];
}

export const kidOf = (token: string): string => String(decodeProtectedHeader(token).kid);

/** Does each kind of work again and again until it is stopped; whatever is thrown is a failure, and is told with its name. */
export class Load {
  /** What was thrown, and how often. */
  readonly failures = new Map<string, number>();
  private readonly rounds: Map<string, number>;
  private readonly loops: Promise<void>[];
  private waiting: (() => boolean)[] = [];
  private stopped = false;

  constructor(work: Record<string, () => Promise<unknown>>) {
    this.rounds = new Map(Object.keys(work).map((name) => [name, 0]));
    this.loops = Object.entries(work).map(([name, once]) => this.repeat(name, once));
  }

  /** Until so many more rounds of each kind have ended, whatever time that takes here; after one, nothing begun before is under way. */
  more(rounds: number): Promise<void> {
    const before = new Map(this.rounds);
    return new Promise((resolve) => {
      this.waiting.push(() => {
        const enough = [...before].every(([name, count]) => (this.rounds.get(name) ?? 0) >= count + rounds);
        if (enough) resolve();
        return enough;
      });
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  private async repeat(name: string, once: () => Promise<unknown>): Promise<void> {
    while (!this.stopped) {
      try {
        await once();
      } catch (error) {
        const failure = `${name}: ${error instanceof Error ? error.message : String(error)}`;
        this.failures.set(failure, (this.failures.get(failure) ?? 0) + 1);
      }
      this.rounds.set(name, (this.rounds.get(name) ?? 0) + 1);
      this.waiting = this.waiting.filter((isOver) => !isOver());
      // Loops that fail at once must not keep the others from their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
