// The maintenance as others can read it: proxies and status pages that know Redis and not our database. What they see follows PostgreSQL; nothing here
// is read by the server.
import type { Logger } from '../../platform/logger.js';
import type { RedisClient } from '../../platform/redis.js';
import type { Closure } from '../tenants/tenant.entity.js';

/** Renewed each minute while it lasts (tasks.ts): a flag that nobody renews ends by itself. */
const LIFE_SECONDS = 180;

export class MaintenanceFlags {
  constructor(
    private readonly redis: RedisClient,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  /** @param whose a tenant's id, or `installation`; never fails: the next renewal says it again. */
  async show(whose: string, closure: Closure | null): Promise<void> {
    const key = flagKey(whose);
    try {
      if (closure) await this.redis.set(key, JSON.stringify(closure), 'EX', LIFE_SECONDS);
      else await this.redis.del(key);
    } catch (error) {
      this.logger.warn('the flag of a maintenance was not set', { error });
    }
  }
}

export const flagKey = (whose: string): string => `ostiary:maintenance:${whose}`;
