import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { tokenWith } from '../support/api.js';
import { type JobAnswer, newcomers } from '../support/jobs.js';
import { administrator, type Manage, type Pair, rowsOf, startPair, until } from '../support/pair.js';

const many = 1000;

describe('long work of two processes', () => {
  let house: Pair;
  let manage: Manage;
  let token: string;
  beforeAll(async () => {
    house = await startPair();
  }, 180_000);
  afterAll(() => house?.close());
  beforeEach(async () => {
    manage = await administrator(house);
    token = await tokenWith(house.server, 'jobs:read users:write');
  });

  const start = async (mark: string): Promise<string> => {
    const { status, body } = await manage(0, 'POST', '/jobs', {
      kind: 'users_bulk',
      operations: newcomers(many, mark),
    });
    expect(status).toBe(202);
    return String(body.id);
  };
  const read = async (id: string, index = 0) =>
    (await manage(index, 'GET', `/jobs/${id}`)).body as unknown as JobAnswer;
  const begun = (id: string) =>
    until(
      'it has begun',
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return (await read(id)).progress.done > 0;
      },
      30_000,
    );
  const known = async (mark: string) =>
    (await rowsOf<{ n: number }>(house, `SELECT count(*)::int AS n FROM users WHERE email LIKE '${mark}-%'`))[0]?.n;
  const linesOf = async (id: string, index: number): Promise<{ index: number; done: boolean }[]> => {
    const answer = await house.ask(index, `/api/v1/jobs/${id}/result`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return (await answer.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  };

  it('cancelled at the one, it is at an end at the other: no batch begins any more, and what is done is told', async () => {
    const mark = `c${randomBytes(5).toString('hex')}`;
    const id = await start(mark);
    await begun(id);
    expect((await manage(1, 'PUT', `/jobs/${id}/cancellation`)).status).toBe(204);
    const { status, progress } = await read(id, 1);
    expect([status, progress.done < many]).toEqual(['cancelled', true]);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect((await read(id)).progress).toEqual(progress);
    expect(await known(mark)).toBe(progress.done);
  }, 120_000);

  it('what a process did when it was killed (kill -9) another one goes on with behind its last batch: each row once', async () => {
    const mark = `k${randomBytes(5).toString('hex')}`;
    const id = await start(mark);
    await begun(id);
    await Promise.all(
      house.members.map(async ({ child }) => {
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await gone;
      }),
    );
    const [left] = await rowsOf<{ status: string; done: number }>(
      house,
      `SELECT status, done FROM jobs WHERE id = '${id}'`,
    );
    expect(left?.status).toBe('running');
    expect(left?.done).toBeLessThan(many);
    expect(await known(mark)).toBe(left?.done);
    const index = house.members.length;
    await house.spawn();
    await until(
      'it has ended',
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        const [job] = await rowsOf<{ status: string }>(house, `SELECT status FROM jobs WHERE id = '${id}'`);
        return job?.status === 'succeeded';
      },
      120_000,
    );
    expect(await known(mark)).toBe(many);
    const lines = await linesOf(id, index);
    expect(lines.map((line) => line.index)).toEqual(Array.from({ length: many }, (_, n) => n));
    expect(lines.every(({ done }) => done)).toBe(true);
  }, 240_000);
});
