// One connection to Redis that fails fast, returns by itself and never takes the server with it.
// Handed off to: whoever asks; each caller decides what an outage means to it.
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Logger } from './logger.js';

/** In a cluster a command, a transaction and a script may only touch keys of one slot: each of ours touches one key. */
export type RedisClient = Redis | Cluster;

export interface RedisConnection {
  /** Commands reject at once while the connection is down, and after half a second where no answer comes. */
  readonly client: RedisClient;
  isUp(): boolean;
  /** False where it did not come up within the milliseconds given. */
  whenUp(milliseconds: number): Promise<boolean>;
  close(): Promise<void>;
}

/** @param url several, separated by commas, are nodes of one Redis Cluster. */
export function connectRedis(url: string, logger: Pick<Logger, 'info' | 'warn'>): RedisConnection {
  const client = createClient(url.split(','));
  let outage = false;
  let closed = false;
  const down = (error?: Error) => {
    if (outage || closed) return;
    outage = true;
    logger.warn('redis is unreachable', error ? { error } : {});
  };
  client.on('error', down);
  client.on('close', () => down());
  client.on('ready', () => {
    if (outage) logger.info('redis is back');
    outage = false;
  });

  const isUp = () => client.status === 'ready';
  return {
    client,
    isUp,
    whenUp: (milliseconds) =>
      new Promise((resolve) => {
        if (isUp()) return resolve(true);
        const end = (up: boolean) => {
          clearTimeout(timer);
          client.off('ready', ready);
          resolve(up);
        };
        const ready = () => end(true);
        const timer = setTimeout(() => end(false), milliseconds);
        client.on('ready', ready);
      }),
    async close() {
      closed = true;
      // QUIT lets what was sent be answered; where nobody listens, hang up.
      if (isUp()) await client.quit().catch(() => {});
      client.disconnect();
    },
  };
}

function createClient(urls: string[]): RedisClient {
  const options: RedisOptions = {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    // A command whose fate is unknown is the caller's to repeat: sent twice, it could count or take twice.
    autoResendUnfulfilledCommands: false,
    commandTimeout: 500,
    connectTimeout: 2_000,
    // A half-open connection is found and replaced, rather than timing out command by command.
    socketTimeout: 2_000,
  };
  const retryStrategy = (attempt: number) => Math.min(attempt * 100, 2_000);
  const [first = ''] = urls;
  if (urls.length === 1)
    return new Redis(first, {
      ...options,
      retryStrategy,
      // After a failover the old primary says READONLY: connect again, to the new one.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
    });
  // The nodes tell of each other by address; who may enter, and by which way, is the same for all.
  const { protocol, username, password } = new URL(first);
  const access: RedisOptions = {
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  };
  return new Cluster(urls, {
    redisOptions: { ...options, ...access },
    enableOfflineQueue: false,
    clusterRetryStrategy: retryStrategy,
  });
}
