import { EventEmitter, once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { currentContext, type RequestContext, runInContext } from '../../../src/platform/context.js';
import { createDataSource } from '../../../src/platform/data-source.js';
import { Database } from '../../../src/platform/database.js';
import { Jobs, type Task, type TaskHelpers, task } from '../../../src/platform/jobs.js';
import { freshDatabase, kinds, type TestDatabase } from '../../support/postgres.js';

describe.each(kinds)('jobs (%s)', (kind) => {
  let fresh: TestDatabase;
  let dataSource: DataSource;
  let db: Database;
  const running: Jobs[] = [];
  const logged: string[] = [];

  beforeAll(async () => {
    fresh = await freshDatabase(kind, { entities: [], migrations: [] });
    dataSource = await createDataSource(fresh.settings).initialize();
    db = new Database(dataSource);
  }, 180_000);
  beforeEach(async () => {
    logged.length = 0;
    await dataSource.query('DELETE FROM graphile_worker._private_jobs');
  });
  afterEach(async () => {
    for (const jobs of running.splice(0)) await jobs.stop();
  });
  afterAll(async () => {
    await dataSource.destroy();
    await fresh.close();
  });

  const logger = {
    error: (message: string) => logged.push(message),
    warn: (message: string) => logged.push(message),
    debug: (message: string) => logged.push(message),
  };
  const make = (tasks: Record<string, Task>) => {
    const jobs = new Jobs(db, tasks, { embedded: kind === 'embedded', logger });
    running.push(jobs);
    return jobs;
  };
  /** Rows that wait, run or have failed. */
  const rows = (): Promise<{ task: string; attempts: number; error: string | null; locked: boolean }[]> =>
    db.manager.query(`SELECT task_identifier AS task, attempts, last_error AS error, locked_at IS NOT NULL AS locked
      FROM graphile_worker.jobs ORDER BY id`);
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  /** A task that remembers what it was given, and how. */
  function recorder(work: (value: number) => Promise<void> | void = () => {}) {
    const runs: { value: number; helpers: TaskHelpers; context: RequestContext | undefined; joined: boolean }[] = [];
    const emitter = new EventEmitter();
    const record = task({
      schema: z.object({ value: z.number() }),
      async run({ value }, helpers) {
        runs.push({ value, helpers, context: currentContext(), joined: db.inTransaction });
        emitter.emit('run');
        await work(value);
      },
    });
    const times = async (count: number) => {
      while (runs.length < count) await once(emitter, 'run');
    };
    return { record, runs, times, values: () => runs.map(({ value }) => value) };
  }

  it('runs a job in the context of whoever enqueued it, after the commit', async () => {
    const { record, runs, times } = recorder();
    const jobs = make({ record });
    await jobs.start();
    await runInContext({ requestId: 'request-1', tenantId: 'tenant-1' }, () =>
      db.transaction(async () => {
        await jobs.enqueue('record', { value: 1 });
        expect(await rows()).toHaveLength(1);
        expect(runs).toEqual([]);
      }),
    );
    await times(1);
    expect(runs[0]).toMatchObject({
      value: 1,
      joined: false,
      helpers: { attempt: 1, lastAttempt: false },
      context: { requestId: 'request-1', tenantId: 'tenant-1', actor: { type: 'system', id: 'record' } },
    });
    await until(async () => (await rows()).length === 0);
  });

  it('leaves no job after a rollback', async () => {
    const { record, times, values } = recorder();
    const jobs = make({ record });
    await jobs.start();
    const work = db.transaction(async () => {
      await jobs.enqueue('record', { value: 1 });
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(await rows()).toEqual([]);
    await jobs.enqueue('record', { value: 2 });
    await times(1);
    expect(values()).toEqual([2]);
  });

  it('does jobs of one queue one after another, and they hold up no other', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { record, times, values } = recorder((value) => (value === 1 ? held : undefined));
    const queue = (payload: unknown) => ((payload as { value: number }).value < 3 ? 'slow' : 'other');
    const jobs = make({ record: { ...record, queue } });
    for (const value of [1, 2, 3]) await jobs.enqueue('record', { value });
    await jobs.start();
    await times(2);
    expect(values().sort()).toEqual([1, 3]);
    release();
    await times(3);
    expect(values().sort()).toEqual([1, 2, 3]);
  });

  it('enqueues many with one statement, each a job of its own that goes the way of its task', async () => {
    const { record, times, values } = recorder();
    const jobs = make({ record: { ...record, priority: 10, queue: () => 'one' } });
    await jobs.enqueueAll('record', [{ value: 1 }, { value: 2 }]);
    expect(await db.manager.query('SELECT priority, queue_name FROM graphile_worker.jobs ORDER BY id')).toEqual(
      Array.from({ length: 2 }, () => ({ priority: 10, queue_name: 'one' })),
    );
    await expect(jobs.enqueueAll('record', [{ value: 'three' }])).rejects.toThrow();
    await jobs.start();
    await times(2);
    expect(values().sort()).toEqual([1, 2]);
  });

  it('enqueues with one statement', async () => {
    const { record } = recorder();
    const jobs = make({ record });
    const before = db.execute;
    let statements = 0;
    db.execute = (...call: Parameters<typeof before>) => {
      statements++;
      return before.apply(db, call) as never;
    };
    await jobs.enqueue('record', { value: 1 });
    db.execute = before;
    expect(statements).toBe(1);
    expect(await rows()).toHaveLength(1);
  });

  it.each([
    ['an unknown task', 'nothing', { value: 1 }],
    ['a payload its schema refuses', 'record', { value: 'one' }],
  ])('refuses to enqueue %s', async (_what, name, payload) => {
    const jobs = make({ record: recorder().record });
    await expect(jobs.enqueue(name, payload)).rejects.toThrow();
    expect(await rows()).toEqual([]);
  });

  it('waits until runAt, and a job of the same key replaces the one that waits', async () => {
    const { record, times, values } = recorder();
    const jobs = make({ record });
    await jobs.start();
    const enqueued = Date.now();
    await jobs.enqueue('record', { value: 1 }, { runAt: new Date(enqueued + 3_600_000), key: 'k' });
    await jobs.enqueue('record', { value: 2 }, { runAt: new Date(enqueued + 300), key: 'k' });
    await times(1);
    expect(Date.now() - enqueued).toBeGreaterThanOrEqual(295);
    expect(values()).toEqual([2]);
    await until(async () => (await rows()).length === 0);
  }, 15_000);

  it('tries again after a failure, keeps the last error and, after the last attempt, the job', async () => {
    const { record, runs, times } = recorder(() => {
      throw new Error('mail server away');
    });
    const jobs = make({ record });
    await jobs.start();
    await jobs.enqueue('record', { value: 7 }, { maxAttempts: 2 });
    await times(2);
    expect(runs.map(({ helpers }) => [helpers.attempt, helpers.lastAttempt])).toEqual([
      [1, false],
      [2, true],
    ]);
    await until(async () => (await rows()).every(({ locked }) => !locked));
    expect(await rows()).toEqual([{ task: 'record', attempts: 2, error: 'mail server away', locked: false }]);
    expect(logged.join()).toContain('mail server away');
  }, 20_000);

  it('does not write payloads to the log', async () => {
    const jobs = make({
      secret: task({
        schema: z.object({ link: z.string() }),
        async run() {
          throw new Error('failed');
        },
      }),
    });
    await jobs.start();
    await jobs.enqueue('secret', { link: 'https://example.com/#token' }, { maxAttempts: 1 });
    await until(async () => (await rows())[0]?.error === 'failed');
    await jobs.stop();
    expect(logged.join()).toContain('failed');
    expect(logged.join()).not.toContain('#token');
  });

  it('a job may open transactions and enqueue further jobs', async () => {
    const { record, times, values } = recorder();
    const jobs: Jobs = make({
      record,
      first: task({
        schema: z.object({}),
        run: () => db.transaction(() => jobs.enqueue('record', { value: 5 })),
      }),
    });
    await jobs.start();
    await jobs.enqueue('first', {});
    await times(1);
    expect(values()).toEqual([5]);
  });

  it('runs every job of many that were enqueued at once, each once', async () => {
    const { record, times, values } = recorder();
    const jobs = make({ record });
    await jobs.start();
    const numbers = Array.from({ length: 50 }, (_, index) => index);
    await Promise.all(numbers.map((value) => jobs.enqueue('record', { value })));
    await times(50);
    await until(async () => (await rows()).length === 0);
    expect(values().sort((a, b) => a - b)).toEqual(numbers);
  }, 15_000);

  it('repeats a recurring task, after a failure too, as one job', async () => {
    let runs = 0;
    const emitter = new EventEmitter();
    const sweep = task({
      schema: z.object({}),
      every: 1,
      async run() {
        runs++;
        emitter.emit('run');
        if (runs === 1) throw new Error('the first sweep fails');
      },
    });
    const jobs = make({ sweep });
    const again = make({ sweep });
    await jobs.start();
    if (kind === 'postgres') await again.start();
    while (runs < 3) await once(emitter, 'run');
    await jobs.stop();
    await again.stop();
    expect(await rows()).toEqual([{ task: 'sweep', attempts: 0, error: null, locked: false }]);
    expect(logged.join()).toContain('the first sweep fails');
  }, 20_000);

  it('stop waits for the job that runs, and leaves the others in the queue', async () => {
    let finish = () => {};
    const finished: number[] = [];
    const { record, times, values } = recorder(async (value) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      finished.push(value);
    });
    const jobs = new Jobs(db, { record }, { embedded: kind === 'embedded', logger, concurrency: 1 });
    running.push(jobs);
    for (const value of [1, 2, 3]) await jobs.enqueue('record', { value });
    await jobs.start();
    await times(1);
    const stopped = jobs.stop();
    setTimeout(() => finish(), 100);
    await stopped;
    expect([finished, values()]).toEqual([[1], [1]]);
    expect(await rows()).toMatchObject([
      { attempts: 0, locked: false },
      { attempts: 0, locked: false },
    ]);
  }, 15_000);

  it('stop gives back a job that does not end, and another process does it again', async () => {
    const { record, times } = recorder(() => new Promise<void>(() => {}));
    const jobs = new Jobs(db, { record }, { embedded: kind === 'embedded', logger, patienceMs: 100 });
    await jobs.enqueue('record', { value: 1 });
    await jobs.start();
    await times(1);
    await jobs.stop();
    const [row] = await rows();
    expect(row).toMatchObject(kind === 'embedded' ? { attempts: 1 } : { attempts: 1, locked: false });
    const second = recorder();
    await dataSource.query('UPDATE graphile_worker._private_jobs SET run_at = now()');
    await make({ record: second.record }).start();
    await second.times(1);
  }, 15_000);

  it('takes up a job whose worker died', async () => {
    const { record, times } = recorder();
    const jobs = make({ record });
    await jobs.enqueue('record', { value: 1 });
    await dataSource.query(
      `UPDATE graphile_worker._private_jobs SET locked_at = now() - interval '20 minutes', locked_by = 'the dead', attempts = 1`,
    );
    await jobs.start();
    await times(1);
  });

  if (kind === 'embedded') {
    it('takes up a job that was running when the process died', async () => {
      const { record, times } = recorder();
      const jobs = make({ record });
      await jobs.enqueue('record', { value: 1 });
      await dataSource.query(
        `UPDATE graphile_worker._private_jobs SET locked_at = now(), locked_by = 'the dead', attempts = 1`,
      );
      await jobs.start();
      await times(1);
    });
  }

  if (kind === 'postgres') {
    it('goes on after the server has dropped every connection, also in the middle of a job', async () => {
      const { record, times } = recorder(async (value) => {
        if (value > 0) return;
        const others = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()';
        await db.manager.query(others).catch(() => {});
      });
      const jobs = make({ record });
      await jobs.start();
      await jobs.enqueue('record', { value: 0 });
      await times(1);
      // The pool finds out connection by connection, so a statement of the test may still meet a dead one.
      const tried = (work: () => Promise<boolean>) => until(() => work().catch(() => false));
      await tried(async () => {
        await jobs.enqueue('record', { value: 1 });
        return true;
      });
      await times(2);
      await tried(async () => (await rows()).length === 0);
    }, 20_000);

    it('goes on where a job could not be ticked off while others were under way', async () => {
      const { pool } = db;
      const connect = pool.connect;
      let [isBroken, wasBroken] = [false, false];
      const { record, times } = recorder(async (value) => {
        if (value === 0 && !wasBroken) isBroken = wasBroken = true;
        if (value > 0 && value < 4) await new Promise((resolve) => setTimeout(resolve, value * 500));
      });
      // Whoever calls it without a function to call back is the worker.
      const broken = (...given: unknown[]) =>
        isBroken && given.length === 0
          ? Promise.reject(new Error('nobody there'))
          : Reflect.apply(connect, pool, given);
      const heal = setInterval(() => (isBroken = false), 300);
      try {
        const jobs = make({ record });
        await jobs.start();
        Object.assign(pool, { connect: broken });
        await jobs.enqueueAll(
          'record',
          [1, 2, 3, 0].map((value) => ({ value })),
        );
        await times(4);
        await jobs.enqueue('record', { value: 4 });
        await times(5);
        await until(async () => (await rows()).length === 0);
      } finally {
        clearInterval(heal);
        Object.assign(pool, { connect });
      }
    }, 20_000);

    it('shares the queue with other processes: each job runs once', async () => {
      const { record, times, values } = recorder();
      const [one, other] = [make({ record }), make({ record })];
      await Promise.all([one.start(), other.start()]);
      const numbers = Array.from({ length: 40 }, (_, index) => index);
      await Promise.all(numbers.map((value) => one.enqueue('record', { value })));
      await times(40);
      await until(async () => (await rows()).length === 0);
      expect(values().sort((a, b) => a - b)).toEqual(numbers);
    }, 20_000);
  }
});
