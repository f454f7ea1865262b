// Interactions and pushed requests where there is Redis: sealed, under the hash of their handle, gone by themselves.
// Losing them means that a sign-in in progress starts again, nothing more. While Redis is away they are rows like all others (engine-rows.ts).
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { unavailable } from '../../platform/errors.js';
import type { RedisClient } from '../../platform/redis.js';
import { handleHash } from './handles.js';

const consumeOnce = `if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end return redis.call('HSETNX', KEYS[1], 'consumed', ARGV[1])`;

export class ShortLivedRows {
  constructor(
    private readonly redis: RedisClient,
    private readonly clock: Clock,
  ) {}

  /** Whether Redis can be asked at all. Where it can and does not answer, what it did is unknown, and nobody may do it elsewhere. */
  get up(): boolean {
    return this.redis.status === 'ready';
  }

  save(kind: string, handle: string, sealed: string, until: Date): Promise<void> {
    return answered(async () => {
      const key = this.key(kind, handle);
      const results = await twice(() =>
        this.redis.multi().hset(key, 'sealed', sealed).pexpireat(key, until.getTime()).exec(),
      );
      const failure = results?.find(([error]) => error)?.[0];
      if (failure || !results) throw failure ?? new Error('Redis did not keep the row');
    });
  }

  async find(kind: string, handle: string): Promise<{ sealed: string; consumed: number | undefined } | undefined> {
    const { sealed, consumed } = await answered(() => twice(() => this.redis.hgetall(this.key(kind, handle))));
    return sealed ? { sealed, consumed: consumed ? Number(consumed) : undefined } : undefined;
  }

  /** @returns true for exactly one of many callers. */
  async consume(kind: string, handle: string): Promise<boolean> {
    const now = epochSeconds(this.clock.now());
    return (await answered(() => this.redis.eval(consumeOnce, 1, this.key(kind, handle), now))) === 1;
  }

  async destroy(kind: string, handle: string): Promise<void> {
    await answered(() => twice(() => this.redis.del(this.key(kind, handle))));
  }

  private key(kind: string, handle: string): string {
    return `ostiary:${currentTenantId()}:${kind}:${handleHash(kind, handle).toString('base64url')}`;
  }
}

/** @throws AppError 503 for whatever Redis says instead of an answer: away, silent, full, starting. */
async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unavailable('temporarily_unavailable', 'Please try again in a moment', 2, error);
  }
}

/**
 * What changes nothing more the second time is tried again: in a process that was held up, as on a busy machine while it starts, the time
 * is over although the answer has come.
 */
const twice = <T>(work: () => Promise<T>): Promise<T> =>
  work().catch((error: unknown) => {
    if (error instanceof Error && error.message === 'Command timed out') return work();
    throw error;
  });
