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
  rounds = 0;
  private stopped = false;
  private readonly loops: Promise<void>[];
  private waiting: { until: number; resolve: () => void }[] = [];

  constructor(work: Record<string, () => Promise<unknown>>) {
    this.loops = Object.entries(work).map(([name, once]) => this.repeat(name, once));
  }

  /** Until so many more rounds have been made, whatever time that takes here. */
  more(rounds: number): Promise<void> {
    return new Promise((resolve) => this.waiting.push({ until: this.rounds + rounds, resolve }));
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
      this.rounds += 1;
      const due = this.waiting.filter(({ until }) => until <= this.rounds);
      this.waiting = this.waiting.filter((one) => !due.includes(one));
      for (const { resolve } of due) resolve();
      // Loops that fail at once must not keep the others from their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
