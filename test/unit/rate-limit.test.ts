import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AppError } from '../../src/platform/errors.js';
import { clientKey, type Limiter, RateLimits } from '../../src/platform/rate-limit.js';
import { MemoryWindows } from '../../src/platform/rate-limit-memory.js';
import { connectRedis, type RedisConnection } from '../../src/platform/redis.js';

const movable = () => {
  let now = Date.parse('2030-01-01T00:00:00Z');
  return { now: () => new Date(now), move: (seconds: number) => (now += seconds * 1000) };
};

const refused = async (work: Promise<void>): Promise<AppError> => {
  const error = await work.then(
    () => undefined,
    (reason: AppError) => reason,
  );
  if (!error) throw new Error('it was let through');
  return error;
};

async function grants(limiter: Limiter, key: string, tries = 20): Promise<number> {
  const outcomes = await Promise.allSettled(Array.from({ length: tries }, () => limiter.consume(key)));
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

describe('the key of a client', () => {
  it.each([
    ['203.0.113.9', 'ip:203.0.113.9'],
    ['::ffff:203.0.113.9', 'ip:203.0.113.9'],
    ['::ffff:cb00:7109', 'ip:203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', 'ip:2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::ffff', 'ip:2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', 'ip:2001:db8:1:3::/64'],
    ['fe80::1%eth0', 'ip:fe80:0:0:0::/64'],
    ['::1', 'ip:0:0:0:0::/64'],
    [undefined, 'ip:unknown'],
    ['', 'ip:unknown'],
    ['unknown', 'ip:unknown'],
    ['1', 'ip:unknown'],
    ['0x7f.1', 'ip:unknown'],
    ['203.0.113.9, 10.0.0.1', 'ip:unknown'],
    ['203.0.113.9:443', 'ip:unknown'],
    ['2001:db8::g', 'ip:unknown'],
  ])('of %p is %s', (ip, key) => expect(clientKey(ip)).toBe(key));
});

describe('a limit in memory', () => {
  it('lets its points through, then answers 429 with the seconds to wait, until the window ends', async () => {
    const clock = movable();
    const limiter = new RateLimits({ workers: 4, clock }).limiter({ name: 'a', points: 3, seconds: 60 });
    expect(await grants(limiter, 'k', 5)).toBe(3);
    clock.move(20.5);
    const error = await refused(limiter.consume('k'));
    expect([error.status, error.code, error.details.retryAfter]).toEqual([429, 'too_many_requests', 40]);
    await limiter.consume('another');
    expect(await limiter.peek('k')).toEqual({ limit: 3, remaining: 0, seconds: 40 });
    clock.move(39.5);
    expect(await limiter.peek('k')).toEqual({ limit: 3, remaining: 3, seconds: 0 });
    expect(await grants(limiter, 'k', 5)).toBe(3);
  });

  it('blocks longer where told, counted from the first refusal', async () => {
    const clock = movable();
    const limiter = new RateLimits({ workers: 1, clock }).limiter({
      name: 'a',
      points: 1,
      seconds: 10,
      blockSeconds: 300,
    });
    await limiter.consume('k');
    clock.move(9);
    expect((await refused(limiter.consume('k'))).details.retryAfter).toBe(300);
    clock.move(299);
    expect((await refused(limiter.consume('k'))).details.retryAfter).toBe(1);
    clock.move(1);
    await limiter.consume('k');
  });

  it('gives points back but never more than were taken, and forgets on reset', async () => {
    const limiter = new RateLimits({ workers: 1, clock: movable() }).limiter({ name: 'a', points: 2, seconds: 10 });
    await limiter.reward('k', 5);
    await limiter.consume('k', 2);
    await limiter.reward('k', 1);
    expect((await limiter.peek('k')).remaining).toBe(1);
    await limiter.reward('k', 9);
    expect(await grants(limiter, 'k', 5)).toBe(2);
    await limiter.reset('k');
    expect(await grants(limiter, 'k', 5)).toBe(2);
  });

  it('holds each key to a limit of its own, and says what is left of it', async () => {
    const clock = movable();
    const limiter = new RateLimits({ workers: 4, clock }).limiter({ name: 'a', points: 1_000, seconds: 60 });
    expect(await limiter.take('slow', 2)).toEqual({ limit: 2, remaining: 1, seconds: 60, exceeded: false });
    expect(await limiter.take('fast', 5)).toMatchObject({ limit: 5, remaining: 4, exceeded: false });
    clock.move(20);
    expect(await limiter.take('slow', 2)).toEqual({ limit: 2, remaining: 0, seconds: 40, exceeded: false });
    expect(await limiter.take('slow', 2)).toMatchObject({ limit: 2, remaining: 0, exceeded: true });
    clock.move(40);
    expect(await limiter.take('slow', 2)).toMatchObject({ remaining: 1, exceeded: false });
  });

  it('stays bounded under a flood of keys, and the flood does not wash a count away', () => {
    const clock = movable();
    const windows = new MemoryWindows({ points: 2, seconds: 60 }, clock, 100);
    for (let i = 0; i < 3; i++) windows.consume('victim', 1);
    for (let i = 0; i < 1_000; i++) windows.consume(`flood-${i}`, 1);
    expect(windows.get('victim').consumed).toBe(3);
    expect(windows.get('newcomer').consumed).toBeGreaterThan(2);
    clock.move(61);
    expect(windows.consume('newcomer', 1).consumed).toBe(1);
  });
});

describe('a limit without its Redis', () => {
  it('a Redis that never was there neither throws nor holds anybody up', async () => {
    const nowhere = connectRedis('redis://127.0.0.1:1', { info() {}, warn() {} });
    expect(await nowhere.whenUp(50)).toBe(false);
    const limiter = new RateLimits({ redis: nowhere.client, workers: 2 }).limiter({
      name: 'a',
      points: 3,
      seconds: 60,
    });
    expect(await grants(limiter, 'k', 5)).toBe(1);
    await nowhere.close();
  });
});

describe('a limit in Redis', () => {
  let port: number;
  let server: ChildProcess;
  let redis: RedisConnection;
  const logged: string[] = [];
  const logger = { info: (message: string) => logged.push(message), warn: (message: string) => logged.push(message) };

  async function start() {
    server = spawn('redis-server', ['--port', String(port), '--save', '', '--bind', '127.0.0.1'], { stdio: 'ignore' });
    expect(await redis.whenUp(10_000)).toBe(true);
  }
  async function stop() {
    const gone = Promise.all([once(server, 'exit'), new Promise((resolve) => redis.client.once('close', resolve))]);
    server.kill('SIGKILL');
    await gone;
  }

  beforeAll(async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    port = (probe.address() as AddressInfo).port;
    probe.close();
    redis = connectRedis(`redis://127.0.0.1:${port}`, logger);
    await start();
  });
  beforeEach(() => redis.client.flushall());
  afterAll(async () => {
    await redis.close();
    server.kill('SIGKILL');
  });

  const limits = (secret?: string) => new RateLimits({ redis: redis.client, workers: 4, secret });

  it('is one for all processes, counted atomically', async () => {
    const [one, two] = [limits(), limits()].map((all) => all.limiter({ name: 'a', points: 10, seconds: 60 }));
    const granted = await Promise.all([grants(one as Limiter, 'k'), grants(two as Limiter, 'k')]);
    expect(granted[0] + granted[1]).toBe(10);
    const error = await refused((one as Limiter).consume('k'));
    expect(error.status).toBe(429);
    expect(error.details.retryAfter).toBeGreaterThan(50);
    expect(await (two as Limiter).peek('k')).toMatchObject({ limit: 10, remaining: 0 });
    await (two as Limiter).reset('k');
    expect(await (one as Limiter).peek('k')).toEqual({ limit: 10, remaining: 10, seconds: 0 });
    await (one as Limiter).reward('k', 5);
    expect(await grants(one as Limiter, 'k')).toBe(10);
  });

  it('blocks longer where told', async () => {
    const limiter = limits().limiter({ name: 'a', points: 1, seconds: 10, blockSeconds: 300 });
    await limiter.consume('k');
    expect((await refused(limiter.consume('k'))).details.retryAfter).toBe(300);
    expect((await limiter.peek('k')).seconds).toBeGreaterThan(290);
  });

  it('writes neither addresses nor e-mails into Redis', async () => {
    await limits().limiter({ name: 'a', points: 1, seconds: 10 }).consume('jane@example.com');
    await limits('key').limiter({ name: 'a', points: 1, seconds: 10 }).consume('jane@example.com');
    const keys = await redis.client.keys('*');
    expect(keys).toHaveLength(2);
    expect(keys.join()).not.toMatch(/jane|example/);
  });

  it('refuses with 503 where Redis answers with an error that is no outage', async () => {
    const limiter = limits().limiter({ name: 'a', points: 5, seconds: 60 });
    await limiter.consume('k');
    const [key] = await redis.client.keys('limit:*');
    await redis.client.del(key as string);
    await redis.client.lpush(key as string, 'not a number');
    for (const work of [limiter.consume('k'), limiter.peek('k').then(() => {}), limiter.reward('k')])
      expect(await refused(work)).toMatchObject({ status: 503, code: 'limits_unavailable' });
    await redis.client.config('SET', 'maxmemory', '1');
    await redis.client.config('SET', 'maxmemory-policy', 'noeviction');
    const full = await refused(limiter.consume('other'));
    await redis.client.config('SET', 'maxmemory', '0');
    expect(full.status).toBe(503);
  });

  it('falls back to limit ÷ workers while Redis is away, and returns to it; the log says it once', async () => {
    const limiter = limits().limiter({ name: 'a', points: 20, seconds: 60 });
    expect(await grants(limiter, 'k', 3)).toBe(3);
    logged.length = 0;
    await stop();
    expect(redis.isUp()).toBe(false);
    expect(await grants(limiter, 'k')).toBe(5);
    expect(await limiter.peek('k')).toMatchObject({ limit: 5, remaining: 0 });
    // Two reconnects are refused in this time; the log has one line for them.
    for (let i = 0; i < 2; i++) await new Promise((resolve) => redis.client.once('reconnecting', resolve));
    expect(logged).toEqual(['redis is unreachable']);
    await start();
    expect(logged).toEqual(['redis is unreachable', 'redis is back']);
    await pause(1_000);
    expect(await limiter.peek('k')).toMatchObject({ limit: 20, remaining: 20 });
  });

  it('holds a key to its share of its own limit while Redis is away, and to all of it with Redis, counted atomically', async () => {
    const limiter = limits().limiter({ name: 'a', points: 1_000, seconds: 60 });
    const taken = async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => limiter.take('k', 12)));
      return all.filter(({ exceeded }) => !exceeded).length;
    };
    expect(await taken()).toBe(12);
    await stop();
    expect(await taken()).toBe(3);
    expect(await limiter.take('k', 12)).toMatchObject({ limit: 12, remaining: 0, exceeded: true });
    await start();
  });

  it('waits for a Redis that hangs only once', async () => {
    const limiter = limits().limiter({ name: 'a', points: 20, seconds: 60 });
    await limiter.consume('k');
    server.kill('SIGSTOP');
    const began = performance.now();
    await limiter.consume('k');
    const waited = performance.now() - began;
    expect(waited).toBeLessThan(2_000);
    const then = performance.now();
    expect(await grants(limiter, 'k')).toBe(4);
    // Four, and together they take less than the one wait did.
    expect(performance.now() - then).toBeLessThan(waited);
    server.kill('SIGCONT');
    expect(await redis.whenUp(5_000)).toBe(true);
  });
});
