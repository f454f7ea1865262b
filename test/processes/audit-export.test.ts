import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tokenWith } from '../support/api.js';
import { type Pair, startPair } from '../support/pair.js';
import { watchedMemory } from '../support/resident.js';

const formats = ['jsonl', 'csv', 'ocsf'];

describe('a server that exports ten thousand events again and again', () => {
  let pair: Pair;
  let token: string;
  beforeAll(async () => {
    pair = await startPair({ ROLE: 'web' });
    token = await tokenWith(pair.server, 'audit:export');
    await pair.inside(async ({ audit, auditSealing }) => {
      const many = Array.from({ length: 10_000 }, (_, n) => ({ user_id: `user-${n}` }));
      for (let n = 0; n < 10; n += 1)
        await audit.recordAll('user.updated', many.slice(n * 1000, n * 1000 + 1000) as never);
      await auditSealing.run();
    });
  }, 180_000);
  afterAll(() => pair?.close());

  const linesOf = async (format: string) => {
    const answer = await pair.ask(0, `/api/v1/audit-events/export?format=${format}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return (await answer.text()).trimEnd().split('\n').length;
  };

  // What outlives the young generation stays until a full collection, which may be hundreds of megabytes later.
  it('keeps nothing of what it has sent', async () => {
    for (const format of formats) await linesOf(format);
    const watch = watchedMemory(Number(pair.members[0]?.child.pid));
    for (let round = 0; round < 4; round += 1)
      for (const format of formats) expect(await linesOf(format)).toBeGreaterThan(10_000);
    const { before, most } = watch.end();
    expect(most - before).toBeLessThan(40);
  }, 120_000);
});
