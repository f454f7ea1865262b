import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { acquireLock, LockHeldError } from '../../../src/platform/lock-file.js';

const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-lock-'));
const file = path.join(folder, 'lock');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => rmSync(file, { force: true }));

/** The file as a living process of ours would have written it, then changed. */
async function written(change: Record<string, unknown>): Promise<void> {
  const lock = await acquireLock(file);
  const holder = JSON.parse(readFileSync(file, 'utf8'));
  lock.release();
  writeFileSync(file, JSON.stringify({ ...holder, token: 'other', ...change }));
}

describe('a lock file', () => {
  it('is refused while its holder lives, in the same process too, and free after release', async () => {
    const lock = await acquireLock(file);
    await expect(acquireLock(file)).rejects.toEqual(new LockHeldError(process.pid));
    lock.release();
    expect(existsSync(file)).toBe(false);
    (await acquireLock(file)).release();
  });

  it.each([
    ['its holder is gone', async () => ({ pid: await pidOfTheDead() })],
    ['its process id was given to another process', async () => ({ started: 'another time' })],
    ['the machine was started again', async () => ({ started: `00000000-0000-0000-0000-000000000000 1` })],
    ['a holder on another machine stays silent', async () => ({ machine: 'elsewhere' })],
  ])('is taken over when %s', async (_reason, change) => {
    await written(await change());
    const lock = await acquireLock(file, 50);
    expect(JSON.parse(readFileSync(file, 'utf8')).pid).toBe(process.pid);
    lock.release();
  });

  it('is taken over when its content cannot be read', async () => {
    writeFileSync(file, '');
    (await acquireLock(file)).release();
  });

  it('is refused while a holder on another machine still touches it', async () => {
    await written({ machine: 'elsewhere', pid: 7 });
    const beat = setInterval(() => utimesSync(file, new Date(), new Date()), 5);
    await expect(acquireLock(file, 50)).rejects.toEqual(new LockHeldError(7));
    clearInterval(beat);
  });

  it('goes to exactly one of many who find a dead holder, and leaves nothing else behind', async () => {
    await written({ pid: await pidOfTheDead() });
    const attempts = await Promise.allSettled(Array.from({ length: 10 }, () => acquireLock(file)));
    const locks = attempts.filter((attempt) => attempt.status === 'fulfilled');
    expect(locks).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(['lock']);
    locks[0]?.value.release();
  });

  it('is not removed by a holder who has lost it', async () => {
    const lock = await acquireLock(file);
    writeFileSync(file, 'somebody else');
    lock.release();
    expect(existsSync(file)).toBe(true);
  });
});

async function pidOfTheDead(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid as number;
}
