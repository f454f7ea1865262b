import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import * as rust from '@node-rs/argon2';
import * as c from 'argon2';
import { AppError } from '../../src/platform/errors.js';
import { Hasher, type HasherSettings, hashingShare } from '../../src/platform/hashing.js';

const light = { timeCost: 2, memoryCost: 19_456, parallelism: 1 };
/** Some tenths of a second: long enough to be met in the middle. */
const slow = { timeCost: 20, memoryCost: 65_536, parallelism: 1 };

const hashers: Hasher[] = [];
const hasher = (settings: HasherSettings = {}) => {
  const one = new Hasher({ processes: 1, parameters: light, ...settings });
  hashers.push(one);
  return one;
};
afterEach(async () => {
  await Promise.all(hashers.splice(0).map((one) => one.stop()));
});

const children = (pid: number = process.pid): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

/** Clock ticks of 10 ms the process has worked: utime of proc(5). */
const workOf = (pid: number | undefined) =>
  Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[11]);

async function until<T>(look: () => T | undefined | false): Promise<T> {
  const end = Date.now() + 10_000;
  while (Date.now() < end) {
    const seen = look();
    if (seen) return seen;
    await pause(5);
  }
  throw new Error('it never happened');
}

const refusedBy = (work: () => unknown): AppError => {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('not refused');
};

describe('Argon2id strings (RFC 9106)', () => {
  it('are written with t=3, m=64 MiB, p=2 unless said otherwise', async () => {
    const one = new Hasher();
    hashers.push(one);
    const hash = await one.hash('correct horse');
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=2\$/);
    await expect(one.verify(hash, 'correct horse')).resolves.toBe(true);
    await expect(one.verify(hash, 'correct horse ')).resolves.toBe(false);
  });

  it('are read by both libraries, and theirs by us', async () => {
    const one = hasher();
    const password = 'pa\u0000ss wörd 🔑';
    const ours = await one.hash(password);
    await expect(c.verify(ours, password)).resolves.toBe(true);
    await expect(rust.verify(ours, password)).resolves.toBe(true);
    await expect(one.verify(await c.hash(password, { ...light, type: c.argon2id }), password)).resolves.toBe(true);
    await expect(one.verify(await rust.hash(password, light), password)).resolves.toBe(true);
  });

  it('compare passwords byte by byte: NUL, spaces and composed letters all count', async () => {
    const one = hasher();
    const hash = await one.hash('caf\u00e9\u0000tail ');
    await expect(one.verify(hash, 'caf\u00e9\u0000tail ')).resolves.toBe(true);
    for (const other of ['cafe\u0301\u0000tail ', 'caf\u00e9', 'caf\u00e9\u0000tail', 'caf\u00e9\u0000']) {
      await expect(one.verify(hash, other)).resolves.toBe(false);
    }
  });

  it.each([
    ['$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA', false],
    ['$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$aGFzaA', true],
    ['$argon2id$v=19$m=19456,t=3,p=1$c2FsdHNhbHQ$aGFzaA', true],
    ['$argon2id$v=19$m=19456,t=2,p=2$c2FsdHNhbHQ$aGFzaA', true],
    ['$argon2id$v=16$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA', true],
    ['$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA', true],
    ['$2b$10$abcdefghijklmnopqrstuv', true],
    ['', true],
  ])('%s: made again at the next sign-in: %s', (hash, expected) => {
    expect(hasher().needsRehash(hash)).toBe(expected);
  });

  it.each([
    '',
    'x',
    '$2b$10$abcdefghijklmnopqrstuv',
    '$argon2id$v=19$m=19456,t=2,p=1$!!$!!',
    '$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$aGFzaA',
    '$argon2id$v=19$m=19456,t=4000000000,p=1$c2FsdHNhbHQ$aGFzaA',
  ])('%p is an error, not a wrong password, and the next job is served', async (hash) => {
    const one = hasher();
    await expect(one.verify(hash, 'anything')).rejects.toThrow(/Argon2|hashing failed/);
    await expect(one.hash('next')).resolves.toMatch(/^\$argon2id/);
  });
});

describe('the queue', () => {
  it('leaves the process free while 20 passwords are verified: none of the work is its own', async () => {
    const one = hasher({ processes: undefined as unknown as number, parameters: { ...slow, timeCost: 3 } });
    const hash = await one.hash('secret');
    // Processor time, not the clock: what else runs on the machine does not count.
    const used = () => process.cpuUsage().user / 1_000;
    const before = used();
    const answers = await Promise.all(Array.from({ length: 20 }, () => one.verify(hash, 'secret')));
    const own = used() - before;
    await c.verify(hash, 'secret');
    const alone = used() - before - own;
    expect(answers).toEqual(Array(20).fill(true));
    expect(own).toBeLessThan(2 * alone);
  });

  it('refuses beyond its bound with 503 and Retry-After, before any work', async () => {
    const one = hasher({ maxQueue: 2, parameters: slow });
    const accepted = [one.hash('a'), one.hash('b'), one.hash('c')];
    expect([one.busy, one.queueLength]).toEqual([1, 2]);
    for (const work of [() => one.hash('d'), () => one.verify('', 'd'), () => one.assertRoom()]) {
      const error = refusedBy(work);
      expect([error.status, error.code]).toEqual([503, 'busy']);
      expect(error.details.retryAfter).toBeGreaterThanOrEqual(1);
    }
    await Promise.all(accepted);
    expect([one.busy, one.queueLength]).toEqual([0, 0]);
    expect(() => one.assertRoom()).not.toThrow();
  });

  it('drops a job whose requester left, and keeps a begun one to its end', async () => {
    const one = hasher({ maxQueue: 1, parameters: slow });
    const begun = new AbortController();
    const queued = new AbortController();
    const first = one.hash('a', begun.signal);
    const second = one.hash('b', queued.signal);
    queued.abort(new Error('left'));
    await expect(second).rejects.toThrow('left');
    expect([one.busy, one.queueLength]).toEqual([1, 0]);
    begun.abort(new Error('left'));
    await expect(first).rejects.toThrow('left');
    expect(one.busy).toBe(1);
    await expect(one.hash('c', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    await one.hash('d');
    expect(one.busy).toBe(0);
  });
});

describe('the processes', () => {
  it('answers a job whose process is killed in the middle', async () => {
    const one = hasher({ parameters: slow });
    await one.hash('warm');
    const [pid] = children();
    const ticks = workOf(pid);
    const hash = one.hash('secret');
    await until(() => workOf(pid) > ticks + 3);
    process.kill(pid as number, 'SIGKILL');
    await expect(hash).resolves.toMatch(/^\$argon2id/);
    expect(children()).not.toContain(pid);
  });

  it('gives up with 503 when the second process dies too, and serves the next', async () => {
    const one = hasher({ parameters: slow });
    const hash = one.hash('secret');
    const [first] = children();
    process.kill(first as number, 'SIGKILL');
    const second = await until(() => children().find((pid) => pid !== first));
    process.kill(second, 'SIGKILL');
    await expect(hash).rejects.toMatchObject({ status: 503, code: 'busy' });
    await expect(one.hash('next')).resolves.toMatch(/^\$argon2id/);
  });

  it('takes a process that never answers for dead', async () => {
    // Long enough for the next one to begin and to hash, at the lowest priority, where everything else is busy.
    const one = hasher({ jobTimeoutMs: 6_000 });
    await one.hash('warm');
    const [pid] = children();
    process.kill(pid as number, 'SIGSTOP');
    await expect(one.hash('secret')).resolves.toMatch(/^\$argon2id/);
    expect(children()).not.toContain(pid);
  }, 180_000);

  it('run at the lowest priority, without the environment, and outlive Ctrl+C', async () => {
    process.env.OSTIARY_CANARY = 'canary-value';
    const one = hasher();
    await one.hash('warm');
    delete process.env.OSTIARY_CANARY;
    const [pid] = children();
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toMatch(/canary|PATH|NODE_OPTIONS/);
    const nice = (task: string) =>
      readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8').split(') ')[1]?.split(' ')[16];
    expect([...new Set(readdirSync(`/proc/${pid}/task`).map(nice))]).toEqual(['19']);
    process.kill(pid as number, 'SIGINT');
    process.kill(pid as number, 'SIGTERM');
    await one.hash('again');
    expect(children()).toEqual([pid]);
  });

  it('end when idle and come back when needed', async () => {
    const one = hasher({ idleMs: 50 });
    await one.hash('a');
    await until(() => children().length === 0);
    await expect(one.hash('b')).resolves.toMatch(/^\$argon2id/);
  });

  it('are refused after the stop, and what waited is answered', async () => {
    const one = hasher({ parameters: slow });
    const jobs = [one.hash('a'), one.hash('b')].map((job) => job.catch((error: AppError) => error.status));
    await one.stop();
    expect(await Promise.all(jobs)).toEqual([503, 503]);
    expect(refusedBy(() => one.hash('c')).status).toBe(503);
    expect(children()).toEqual([]);
  });

  it('hash with the other library where the faster one has no binary', async () => {
    const hooks = `export const resolve = (name, context, next) => {
      if (name === '@node-rs/argon2') throw new Error('no binary');
      return next(name, context);
    };`;
    const url = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`;
    const register = `import { register } from 'node:module'; register(${JSON.stringify(url(hooks))});`;
    const child = fork(new URL('../../src/platform/hashing-child.js', import.meta.url), {
      env: {},
      execArgv: ['--import', url(register)],
      serialization: 'advanced',
    });
    const end = once(child, 'exit');
    child.send({ id: 7, task: { kind: 'hash', password: 'secret', parameters: light } });
    const [answer] = (await once(child, 'message')) as [{ id: number; value: string }];
    child.disconnect();
    expect(answer.id).toBe(7);
    expect(hasher().needsRehash(answer.value)).toBe(false);
    await expect(rust.verify(answer.value, 'secret')).resolves.toBe(true);
    expect(await end).toEqual([0, null]);
  });

  const program = (then: string): ChildProcess =>
    spawn(process.execPath, ['--input-type=module', '-e', script(then)], {
      env: {},
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const script = (then: string) => `
    const { Hasher } = await import(${JSON.stringify(new URL('../../src/platform/hashing.js', import.meta.url).href)});
    const hasher = new Hasher({ processes: 1, parameters: { timeCost: 1, memoryCost: 8, parallelism: 1 } });
    await hasher.hash('a');
    ${then}`;

  it('do not keep an idle parent running, and one that waits does not end early', async () => {
    const parent = program('');
    expect(await once(parent, 'exit')).toEqual([0, null]);
  });

  it('do not survive a parent that is killed', async () => {
    const parent = program('process.stdout.write("ready"); setInterval(() => {}, 1000);');
    await once(parent.stdout as NodeJS.ReadableStream, 'data');
    const [child] = children(parent.pid);
    parent.kill('SIGKILL');
    await until(() => !existsSync(`/proc/${child}`) || readdirSync(`/proc/${child}/task`).length === 0);
  });
});

describe('the hashing processes of a machine', () => {
  it.each([
    { cores: 1, workers: 1, each: 1 },
    { cores: 8, workers: 1, each: 4 },
    { cores: 8, workers: 2, each: 2 },
    { cores: 8, workers: 8, each: 1 },
    { cores: 32, workers: 6, each: 2 },
  ])('are one per two of $cores cores, divided among $workers workers', ({ cores, workers, each }) => {
    expect(hashingShare(workers, cores)).toBe(each);
  });
});
