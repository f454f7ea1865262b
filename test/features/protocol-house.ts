// Where the engine's rows are kept, once per kind of store: the contract suites below run on each.
import { lifetimes } from '../../config/protocol.js';
import type { Payload } from '../../src/features/protocol/handles.js';
import { Protocol } from '../../src/features/protocol/protocol.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { ShortLivedRows } from '../../src/features/protocol/short-lived-rows.js';
import { UserService } from '../../src/features/users/user.service.js';
import { randomToken, Sealer } from '../../src/platform/crypto.js';
import { createLogger } from '../../src/platform/logger.js';
import { connectRedis } from '../../src/platform/redis.js';
import { kinds } from '../support/postgres.js';
import { at, openHouse } from './house.js';

export type Store = 'embedded' | 'postgres' | 'postgres+redis';

/** Those this machine has. */
export const stores: Store[] = [
  ...kinds,
  ...(kinds.includes('postgres') && redisUrl() ? ['postgres+redis' as const] : []),
];

function redisUrl(): string | undefined {
  return process.env.TEST_REDIS_URL;
}

export type ProtocolHouse = Awaited<ReturnType<typeof openProtocolHouse>>;

export async function openProtocolHouse(store: Store) {
  const house = await openHouse(store === 'embedded' ? 'embedded' : 'postgres');
  const redis =
    store === 'postgres+redis' ? connectRedis(String(redisUrl()), createLogger({ level: 'error' })) : undefined;
  await redis?.whenUp(5_000);
  const sealer = new Sealer(new Map([['t1', Buffer.alloc(32, 9)]]));
  const shortLived = redis && new ShortLivedRows(redis.client, house.clock);
  const protocol = new Protocol(house.db, sealer, house.audit, house.clock, lifetimes, shortLived);
  const users = new UserService(house.db, house.audit, house.clock);
  const inside = <T>(work: () => Promise<T>): Promise<T> => at(house.tenant, work);

  const { client } = await inside(() =>
    house.clients.create({ client_name: 'Trip Planner', redirect_uris: ['https://rp.example/cb'] }),
  );
  const maria = await inside(() => users.create({ email: 'maria@example.com' }));
  const nowSeconds = () => Math.floor(house.clock.now().getTime() / 1000);

  return {
    ...house,
    users,
    protocol,
    redis: redis?.client,
    inside,
    client,
    maria,
    nowSeconds,
    newClient: async () =>
      (await inside(() => house.clients.create({ client_name: 'Other', redirect_uris: ['https://other.example/cb'] })))
        .client,
    newUser: () => inside(() => users.create({ email: `${randomToken(6)}@example.com`.toLowerCase() })),

    save: (kind: string, handle: string, payload: Payload = {}) =>
      inside(() =>
        protocol.rows.save(new ProtocolRequest(), {
          kind,
          handle,
          payload: { jti: handle, kind, iat: nowSeconds(), exp: nowSeconds() + 60, ...payload },
        }),
      ),
    find: (kind: string, handle: string) => inside(() => protocol.rows.find(new ProtocolRequest(), kind, handle)),
    consume: (kind: string, handle: string) => inside(() => protocol.rows.consume(new ProtocolRequest(), kind, handle)),
    destroy: (kind: string, handle: string) => inside(() => protocol.rows.destroy(new ProtocolRequest(), kind, handle)),

    /** All that the stores hold, as a thief of a dump would see it. */
    async dump(): Promise<string> {
      const parts: unknown[] = [];
      for (const table of ['engine_rows', 'sessions', 'session_handles', 'grants', 'replays', 'traces'])
        parts.push(await house.db.manager.query(`SELECT to_jsonb(t.*) AS row FROM ${table} t`));
      if (redis) {
        for (const key of await redis.client.keys(`ostiary:${house.tenant.id}:*`))
          parts.push(key, await redis.client.hgetall(key));
      }
      return JSON.stringify(parts);
    },

    async close() {
      await redis?.close();
      await house.close();
    },
  };
}
