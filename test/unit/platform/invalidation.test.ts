import { EventEmitter, once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { createDataSource } from '../../../src/platform/data-source.js';
import { Database } from '../../../src/platform/database.js';
import { Invalidation } from '../../../src/platform/invalidation.js';
import { freshDatabase, kinds, type TestDatabase } from '../../support/postgres.js';

describe.each(kinds)('invalidation (%s)', (kind) => {
  let fresh: TestDatabase;
  let dataSource: DataSource;
  let db: Database;
  const started: Invalidation[] = [];

  const start = async (url = fresh.url) => {
    const invalidation = new Invalidation(db, { url });
    started.push(invalidation);
    await invalidation.start();
    return invalidation;
  };
  /** Everything heard on a topic; `next` resolves with the next key that satisfies. */
  const ear = (invalidation: Invalidation, topic = 'thing') => {
    const heard: string[] = [];
    const emitter = new EventEmitter();
    const end = invalidation.subscribe(topic, (key) => {
      heard.push(key);
      emitter.emit('key', key);
    });
    const next = async (wanted: string) => {
      while (!heard.includes(wanted)) await once(emitter, 'key');
    };
    return { heard, next, end };
  };

  beforeAll(async () => {
    fresh = await freshDatabase(kind, { entities: [], migrations: [] });
    dataSource = await createDataSource(fresh.settings).initialize();
    db = new Database(dataSource);
  }, 180_000);
  afterAll(async () => {
    for (const invalidation of started) await invalidation.stop();
    await dataSource.destroy();
    await fresh.close();
  });

  it('is live once started, and tells this process after the commit, never before', async () => {
    const invalidation = await start();
    const { heard } = ear(invalidation);
    expect(invalidation.live).toBe(true);
    await db.transaction(async () => {
      await invalidation.publish('thing', 'a');
      expect(heard).toEqual([]);
      expect(invalidation.inTransaction).toBe(true);
    });
    expect(heard).toContain('a');
    await invalidation.publish('thing', 'b');
    expect(heard).toContain('b');
  });

  it('says nothing after a rollback', async () => {
    const invalidation = await start();
    const { heard, next } = ear(invalidation);
    const work = db.transaction(async () => {
      await invalidation.publish('thing', 'rolled back');
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    await invalidation.publish('thing', 'committed');
    await next('committed');
    expect(heard).not.toContain('rolled back');
  });

  it('tells only who subscribed to the topic, until the subscription ends, whatever another subscriber throws', async () => {
    const invalidation = await start();
    invalidation.subscribe('thing', () => {
      throw new Error('a broken subscriber');
    });
    const [thing, other] = [ear(invalidation), ear(invalidation, 'other')];
    await invalidation.publish('thing', '1');
    thing.end();
    await invalidation.publish('thing', '2');
    expect(thing.heard[0]).toBe('1');
    expect(thing.heard).not.toContain('2');
    expect(other.heard).toEqual([]);
  });

  if (kind === 'postgres') {
    it('tells the other processes after the commit', async () => {
      const [mine, other] = [await start(), await start()];
      const { next } = ear(other);
      await db.transaction(() => mine.publish('thing', 'x'));
      await next('x');
    });

    it('tells everything where a key is too long for NOTIFY', async () => {
      const [mine, other] = [await start(), await start()];
      const { next } = ear(other);
      await mine.publish('thing', 'é'.repeat(4_000));
      await next('*');
    });

    it('ignores a payload it does not understand', async () => {
      const { heard, next } = ear(await start());
      await db.manager.query(`SELECT pg_notify('ostiary_invalidation', 'nonsense')`);
      await db.manager.query(`SELECT pg_notify('ostiary_invalidation', '["thing","after"]')`);
      await next('after');
      expect(heard).toEqual(['after']);
    });

    it('is not live while the server is away, says everything after the reconnect, and hears again', async () => {
      const proxy = await throughProxy(fresh.url ?? '');
      const invalidation = await start(proxy.url);
      const { next, heard } = ear(invalidation);
      expect(invalidation.live).toBe(true);
      proxy.refuse();
      await proxy.lost();
      expect(invalidation.live).toBe(false);
      await db.manager.query(`SELECT pg_notify('ostiary_invalidation', '["thing","unheard"]')`);
      proxy.accept();
      await next('*');
      expect(invalidation.live).toBe(true);
      expect(heard).not.toContain('unheard');
      await db.manager.query(`SELECT pg_notify('ostiary_invalidation', '["thing","heard"]')`);
      await next('heard');
      await proxy.close();
    });

    it('notices within two seconds a connection that was cut without a word', async () => {
      const proxy = await throughProxy(fresh.url ?? '');
      const invalidation = await start(proxy.url);
      const { next } = ear(invalidation);
      const before = Date.now();
      proxy.swallow();
      await proxy.lost();
      expect(Date.now() - before).toBeLessThan(3_500);
      expect(invalidation.live).toBe(false);
      proxy.accept();
      await next('*');
      expect(invalidation.live).toBe(true);
      await proxy.close();
    });

    it('stops while the server is away', async () => {
      const invalidation = await start('postgres://postgres@127.0.0.1:1/none');
      expect(invalidation.live).toBe(false);
      await invalidation.stop();
    });
  }
});

/** A wire to the server that a test can cut (refuse) or make silent (swallow). */
async function throughProxy(url: string) {
  const target = new URL(url);
  let mode: 'accept' | 'refuse' | 'swallow' = 'accept';
  const sockets = new Set<net.Socket>();
  const events = new EventEmitter();
  const server = net.createServer((client) => {
    sockets.add(client);
    client.on('error', () => {});
    client.on('close', () => {
      sockets.delete(client);
      // After the listeners of the other end, which runs in this process, have had their turn.
      setTimeout(() => events.emit('lost'), 20);
    });
    if (mode === 'refuse') return void client.destroy();
    const upstream = net.connect(Number(target.port), target.hostname);
    upstream.on('error', () => {});
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.on('data', (data) => mode === 'accept' && upstream.write(data));
    upstream.on('data', (data) => mode === 'accept' && client.write(data));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const proxied = new URL(url);
  proxied.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: proxied.href,
    refuse() {
      mode = 'refuse';
      for (const socket of sockets) socket.destroy();
    },
    swallow() {
      mode = 'swallow';
    },
    accept() {
      mode = 'accept';
    },
    lost: () => once(events, 'lost'),
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
