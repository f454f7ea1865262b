// How often a key may do a thing: counted in Redis for all processes, in memory (limit ÷ workers) without it or while it is away.
// It never opens: an unknown address, an unexpected answer, a full memory all err on the strict side.
import { createHash, createHmac, type KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { type Clock, systemClock } from './clock.js';
import { AppError, tooMany, unavailable } from './errors.js';
import { type Count, MemoryWindows } from './rate-limit-memory.js';
import { QuietKeys } from './rate-limit-quiet.js';
import type { RedisClient } from './redis.js';

export interface RateLimitSettings {
  redis?: RedisClient | undefined;
  /** Processes that share the limit; each grants its part while Redis is away. */
  workers: number;
  /** Moves the windows in memory; those in Redis follow its own time. */
  clock?: Clock;
  /** Keys the hash of names in Redis, which addresses and e-mails are too few to hide from without it. The same in all processes. */
  secret?: string | Buffer | KeyObject | undefined;
}

export interface LimiterSettings {
  /** Becomes part of the key: one name, one count. */
  name: string;
  points: number;
  /** Length of the window. */
  seconds: number;
  /** How long a key rests once it asked for too much; until the end of its window unless said. */
  blockSeconds?: number | undefined;
}

/** What the RateLimit header fields tell. */
export interface Allowance {
  limit: number;
  remaining: number;
  /** Until the whole limit is there again. */
  seconds: number;
}

/** Redis could not be asked, rather than refused: we were not connected, it did not answer, it is starting or failing over. */
const isOutage = (error: unknown) =>
  error instanceof Error &&
  (error.name !== 'ReplyError' || /^(LOADING|MASTERDOWN|CLUSTERDOWN|READONLY)\b/.test(error.message));

export class RateLimits {
  private readonly outage = { until: 0 };

  constructor(private readonly settings: RateLimitSettings) {}

  limiter(settings: LimiterSettings): Limiter {
    return new Limiter(settings, this.settings, this.outage);
  }
}

export class Limiter {
  private readonly memory: MemoryWindows;
  private readonly shared: RateLimiterRedis | undefined;
  private readonly quiet = new QuietKeys();

  constructor(
    private readonly settings: LimiterSettings,
    private readonly common: RateLimitSettings,
    private readonly outage: { until: number },
  ) {
    const { name, points, seconds, blockSeconds } = settings;
    const { redis, workers, clock = systemClock } = common;
    this.memory = new MemoryWindows(
      { points: redis ? Math.max(1, Math.floor(points / workers)) : points, seconds, blockSeconds },
      clock,
    );
    this.shared =
      redis &&
      new RateLimiterRedis({
        storeClient: redis,
        keyPrefix: `limit:${name}`,
        points,
        duration: seconds,
        ...(blockSeconds && { blockDuration: blockSeconds }),
        rejectIfRedisNotReady: true,
      });
  }

  /**
   * @throws AppError 429 `too_many_requests` with the seconds to wait.
   * @throws AppError 503 `limits_unavailable` where Redis answers with an error: refused, not waved through.
   */
  async consume(key: string, points = 1): Promise<void> {
    this.quiet.end(key);
    const id = this.id(key);
    const count = await this.ask(
      (shared) => shared.consume(id, points).catch(countOrError).then(toCount),
      () => this.memory.consume(id, points),
    );
    if (count.consumed > count.limit) throw this.refusal(count.milliseconds);
  }

  /**
   * Counts against a limit that is the key's own, no higher than the limiter's; what is beyond it is said, not thrown, and counted all the same.
   * @throws AppError 503 `limits_unavailable`
   */
  async take(key: string, limit: number): Promise<Allowance & { exceeded: boolean }> {
    const { points } = this.settings;
    const id = this.id(key);
    const count = await this.ask(
      (shared) => shared.consume(id).catch(countOrError).then(toCount),
      () => this.memory.consume(id, 1),
    );
    // While Redis is away each process grants its part.
    const allowed = count.limit === points ? limit : Math.max(1, Math.floor(limit / this.common.workers));
    return {
      limit,
      remaining: Math.max(0, allowed - count.consumed),
      seconds: Math.max(1, Math.ceil(count.milliseconds / 1000)),
      exceeded: count.consumed > allowed,
    };
  }

  /** Reads without counting; of a key that nothing was counted against, an answer may be a second old. @throws AppError 503 `limits_unavailable` */
  async peek(key: string): Promise<Allowance> {
    const { points: limit } = this.settings;
    if (this.quiet.has(key)) return { limit, remaining: limit, seconds: 0 };
    const becomesQuiet = this.quiet.listen(key);
    const id = this.id(key);
    const count = await this.ask(
      async (shared, redis) => {
        // Most keys are not there: one question instead of the transaction that reads a window.
        const window = (await redis.exists(shared.getKey(id))) ? await shared.get(id) : null;
        if (!window) becomesQuiet();
        return toCount(window ?? new RateLimiterRes(0, 0, 0));
      },
      () => this.memory.get(id),
    );
    return {
      limit: count.limit,
      remaining: Math.max(0, count.limit - count.consumed),
      seconds: Math.max(0, Math.ceil(count.milliseconds / 1000)),
    };
  }

  /** Gives points back, up to the limit. */
  async reward(key: string, points = 1): Promise<void> {
    const id = this.id(key);
    await this.ask(
      async (shared) => {
        const count = toCount(await shared.reward(id, points));
        // The window ended in between: a credit would raise the next one above its limit.
        if (count.consumed < 0) await shared.delete(id);
        return count;
      },
      () => {
        this.memory.reward(id, points);
        return this.memory.get(id);
      },
    );
  }

  async reset(key: string): Promise<void> {
    const id = this.id(key);
    this.memory.delete(id);
    await this.ask(
      async (shared) => {
        await shared.delete(id);
        return { consumed: 0, milliseconds: 0 };
      },
      () => ({ consumed: 0, milliseconds: 0 }),
    );
  }

  private async ask(
    shared: (limiter: RateLimiterRedis, redis: RedisClient) => Promise<Count>,
    alone: () => Count,
  ): Promise<Count & { limit: number }> {
    const { points } = this.settings;
    const { redis } = this.common;
    if (!this.shared || !redis) return { ...alone(), limit: points };
    if (this.outage.until <= performance.now()) {
      try {
        return { ...(await shared(this.shared, redis)), limit: points };
      } catch (error) {
        if (!isOutage(error)) throw unavailable('limits_unavailable', 'Please try again in a moment', 5, error);
        // One request in a second finds out whether it is back; the others do not wait for its silence.
        this.outage.until = performance.now() + 1_000;
      }
    }
    return { ...alone(), limit: Math.max(1, Math.floor(points / this.common.workers)) };
  }

  private refusal(milliseconds: number): AppError {
    const seconds = Math.max(1, Math.ceil(milliseconds / 1000));
    return tooMany('too_many_requests', 'Too many attempts; please wait a little and try again', seconds);
  }

  /** No address of a machine or a person reaches Redis. */
  private id(key: string): string {
    const { secret } = this.common;
    const hash = secret ? createHmac('sha256', secret) : createHash('sha256');
    return hash.update(`${this.settings.name}\0${key}`).digest('base64url');
  }
}

/**
 * The key of a client by its trusted address: a whole IPv6 /64, which is what one subscriber gets (RFC 6177 §2), counts as one, and
 * IPv4 in any spelling is IPv4. Whoever cannot be told apart shares one key.
 */
export function clientKey(ip: string | undefined): string {
  const text = ip?.trim() ?? '';
  if (isIPv4(text)) return `ip:${text}`;
  if (!ipaddr.IPv6.isValid(text)) return 'ip:unknown';
  const address = ipaddr.IPv6.parse(text);
  if (address.isIPv4MappedAddress()) return `ip:${address.toIPv4Address()}`;
  return `ip:${address.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`;
}

/** @returns seconds, for those who answer in words of their own; 0 where nobody has to wait. */
export async function waitOf(consumed: Promise<void>): Promise<number> {
  try {
    await consumed;
    return 0;
  } catch (error) {
    if (error instanceof AppError) return error.details.retryAfter ?? 1;
    throw error;
  }
}

function countOrError(outcome: unknown): RateLimiterRes {
  if (outcome instanceof RateLimiterRes) return outcome;
  throw outcome;
}

/** An answer that is no number is not read as zero. */
function toCount({ consumedPoints, msBeforeNext }: RateLimiterRes): Count {
  if (Number.isFinite(consumedPoints)) return { consumed: consumedPoints, milliseconds: Number(msBeforeNext) };
  throw Object.assign(new Error('the counter is not a number'), { name: 'ReplyError' });
}
