// Needs TEST_DATABASE_URL: a Postgres on which this suite may create and drop a database of its own.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { z } from 'zod';
import { IdempotencyKeys1700000000020 } from '../../migrations/0020-idempotency-keys.js';
import { Sealer } from '../../src/platform/crypto.js';
import { createDataSource } from '../../src/platform/data-source.js';
import { Database } from '../../src/platform/database.js';
import { endpoint } from '../../src/platform/endpoint.js';
import { conflict } from '../../src/platform/errors.js';
import { Sweeper } from '../../src/platform/sweep.js';
import { retentions } from '../../src/retention.js';
import { bearer, serveApi } from './api-fixture.js';

const server = process.env.TEST_DATABASE_URL;

(server ? describe : describe.skip)('Idempotency-Key (draft-ietf-httpapi-idempotency-key-header)', () => {
  const name = `idempotency_${randomBytes(6).toString('hex')}`;
  const sealer = new Sealer(new Map([['k1', randomBytes(32)]]));
  const clock = { at: new Date(), now: () => clock.at };
  let db: Database;
  let http: ReturnType<typeof serveApi>['http'];
  let otherProcess: ReturnType<typeof serveApi>['http'];
  let otherDb: Database;

  const administer = async (sql: string) => {
    const client = new pg.Client(server);
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };

  const open = async () => {
    const url = new URL(server ?? '');
    url.pathname = name;
    const dataSource = createDataSource({
      connection: { url: url.href },
      entities: [],
      migrations: [IdempotencyKeys1700000000020],
    });
    return new Database(await dataSource.initialize());
  };

  // What the handler waits for, so that a test can hold the first request open.
  let gate = Promise.resolve();
  let entered = () => {};
  const Order = z.strictObject({ name: z.string(), tags: z.array(z.string()).optional(), note: z.string().optional() });
  const orders = (db: Database) => [
    endpoint({
      method: 'post',
      path: '/orders',
      scope: 'things:write',
      summary: 'Order',
      body: Order,
      status: 201,
      response: z.object({ secret: z.string(), version: z.int() }),
      async handle({ body }) {
        await db.manager.query('INSERT INTO orders (name) VALUES ($1)', [body.name]);
        entered();
        await gate;
        if (body.name === 'refused') throw conflict('refused', 'No');
        if (body.name === 'killed') await db.manager.query('SELECT pg_terminate_backend(pg_backend_pid())');
        return { secret: `secret-${randomBytes(8).toString('hex')}`, version: 1 };
      },
    }),
    endpoint({
      method: 'post',
      path: '/others',
      scope: 'things:write',
      summary: 'Other',
      body: Order,
      handle: async () => undefined,
    }),
  ];

  beforeAll(async () => {
    await administer(`CREATE DATABASE ${name}`);
    db = await open();
    await db.dataSource.runMigrations();
    await db.manager.query('CREATE TABLE orders (name text NOT NULL)');
    otherDb = await open();
    ({ http } = serveApi({ endpoints: orders(db), db, sealer, clock }));
    ({ http: otherProcess } = serveApi({ endpoints: orders(otherDb), db: otherDb, sealer, clock }));
  });

  afterAll(async () => {
    await db?.dataSource.destroy();
    await otherDb?.dataSource.destroy();
    await administer(`DROP DATABASE IF EXISTS ${name}`);
  });

  beforeEach(async () => {
    await db.manager.query('TRUNCATE orders, idempotency_keys');
    gate = Promise.resolve();
    entered = () => {};
    clock.at = new Date();
  });

  const order = (key: string, body: object = { name: 'a' }, at = http, token = 'token-all') =>
    at.post('/api/v1/orders').set(bearer(token)).set('Idempotency-Key', key).send(body);
  const count = async (table = 'orders') =>
    Number((await db.manager.query(`SELECT count(*) AS n FROM ${table}`))[0].n as string);

  it('does 20 identical parallel requests once, and gives every answer that is not 409 the same', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => order('"k1"', undefined, i % 2 ? http : otherProcess)),
    );
    const done = answers.filter(({ status }) => status === 201);
    expect(done.length).toBeGreaterThanOrEqual(1);
    expect(new Set(done.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(({ status }) => status !== 201).every(({ status }) => status === 409)).toBe(true);
    expect(await count()).toBe(1);
  });

  it('repeats the first answer with its status and ETag, in any process', async () => {
    const first = await order('"k1"').expect(201);
    const second = await order('"k1"', undefined, otherProcess).expect(201);
    expect(second.text).toBe(first.text);
    expect(second.headers.etag).toBe('"1"');
    expect(await count()).toBe(1);
  });

  it('takes the key quoted or bare, and the members of the body in any order', async () => {
    await order('"k1"', { name: 'a', note: 'n' }).expect(201);
    await order('k1', { note: 'n', name: 'a' }).expect(201);
    expect(await count()).toBe(1);
  });

  it('answers the key with another request 422: body, order of a list, query or path', async () => {
    await order('k1', { name: 'a', tags: ['x', 'y'] }).expect(201);
    expect((await order('k1', { name: 'b' }).expect(422)).body.code).toBe('idempotency_key_reused');
    await order('k1', { name: 'a', tags: ['y', 'x'] }).expect(422);
    const other = http.post('/api/v1/others').set(bearer()).set('Idempotency-Key', 'k1');
    expect((await other.send({ name: 'a', tags: ['x', 'y'] }).expect(422)).body.code).toBe('idempotency_key_reused');
    expect(await count()).toBe(1);
  });

  it('answers 409 at once while the first is in progress, also from another process', async () => {
    let release = () => {};
    gate = new Promise((resolve) => {
      release = resolve;
    });
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const first = order('k1').then((response) => response);
    await inside;
    expect((await order('k1', undefined, otherProcess).expect(409)).body.code).toBe('request_in_progress');
    release();
    expect((await first).status).toBe(201);
    await order('k1').expect(201);
    expect(await count()).toBe(1);
  });

  it('keeps the keys of two actors apart', async () => {
    const one = await order('k1').expect(201);
    const two = await order('k1', undefined, http, 'token-other').expect(201);
    expect(two.text).not.toBe(one.text);
    expect(await count()).toBe(2);
  });

  it('stores no refusal: its change is rolled back and the key is free again', async () => {
    await order('k1', { name: 'refused' }).expect(409);
    expect([await count(), await count('idempotency_keys')]).toEqual([0, 0]);
    await order('k1', { name: 'a' }).expect(201);
  });

  it('leaves neither change nor key when the connection dies before commit, and answers 503', async () => {
    const response = await order('k1', { name: 'killed' }).expect(503);
    expect(response.headers['retry-after']).toBe('1');
    expect([await count(), await count('idempotency_keys')]).toEqual([0, 0]);
  });

  it('stores neither key nor answer in clear', async () => {
    const { body } = await order('a-key-in-clear').expect(201);
    const [row] = await db.manager.query('SELECT * FROM idempotency_keys');
    expect(JSON.stringify(row)).not.toContain(body.secret);
    expect(JSON.stringify(row)).not.toContain('a-key-in-clear');
  });

  it('forgets after 24 hours', async () => {
    await order('k1').expect(201);
    clock.at = new Date(clock.at.getTime() + 24 * 3600 * 1000 - 1);
    await order('k1').expect(201);
    expect(await count()).toBe(1);
    clock.at = new Date(clock.at.getTime() + 1);
    await order('k1', { name: 'b' }).expect(201);
    await order('k1', { name: 'b' }).expect(201);
    expect(await count()).toBe(2);
  });

  it('sweeps what has expired and nothing else', async () => {
    await order('k1').expect(201);
    clock.at = new Date(clock.at.getTime() + 12 * 3600 * 1000);
    await order('k2').expect(201);
    clock.at = new Date(clock.at.getTime() + 12 * 3600 * 1000 + 1);
    await new Sweeper(
      db,
      clock,
      retentions.filter(({ table }) => table === 'idempotency_keys'),
    ).run();
    expect(await count('idempotency_keys')).toBe(1);
  });

  it.each(['""', '"a', 'a"b', '"a", "b"', 'a b', 'x'.repeat(256)])('refuses the malformed key %p', async (key) => {
    expect((await order(key).expect(400)).body.code).toBe('invalid_idempotency_key');
    expect(await count()).toBe(0);
  });

  it('answers 503 where the database cannot be reached', async () => {
    const lost = await open();
    await lost.dataSource.query('SELECT 1');
    await administer(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}' AND pid <> pg_backend_pid()`,
    );
    Object.assign(lost.pool.options, { connectionString: undefined, host: '127.0.0.1', port: 1 });
    const { http } = serveApi({ endpoints: orders(lost), db: lost, sealer, clock });
    const response = await order('k1', undefined, http).expect(503);
    expect(response.body.code).toBe('temporarily_unavailable');
    await lost.dataSource.destroy();
  });
});
