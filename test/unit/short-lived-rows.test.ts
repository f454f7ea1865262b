import { describe, expect, it } from '@jest/globals';
import { ShortLivedRows } from '../../src/features/protocol/short-lived-rows.js';
import { systemClock } from '../../src/platform/clock.js';
import { runInContext } from '../../src/platform/context.js';

/** Redis whose first answers come too late. */
function lateRedis(late: number) {
  const asked: string[] = [];
  const answer = (name: string, value: unknown) => async () => {
    asked.push(name);
    if (asked.length <= late) throw new Error('Command timed out');
    return value;
  };
  const multi = () => ({ hset: multi, pexpireat: multi, exec: answer('save', [[null, 1]]) });
  const redis = {
    hgetall: answer('find', { sealed: 'x' }),
    del: answer('destroy', 1),
    eval: answer('consume', 1),
    multi,
  };
  return { asked, rows: new ShortLivedRows(redis as never, systemClock) };
}

const verbs: Record<string, (rows: ShortLivedRows) => Promise<unknown>> = {
  save: (rows) => rows.save('Interaction', 'handle', 'x', new Date()),
  find: (rows) => rows.find('Interaction', 'handle'),
  destroy: (rows) => rows.destroy('Interaction', 'handle'),
};
const inTenant = <T>(work: () => Promise<T>) => runInContext({ requestId: 'r', tenantId: 't' }, work);

describe('a row in Redis whose answer came too late', () => {
  it.each(Object.keys(verbs))('is asked for once more where that changes nothing: %s', async (verb) => {
    const work = verbs[verb] as (typeof verbs)[string];
    const once = lateRedis(1);
    await inTenant(() => work(once.rows));
    expect(once.asked).toEqual([verb, verb]);
    const always = lateRedis(9);
    await expect(inTenant(() => work(always.rows))).rejects.toMatchObject({ status: 503 });
    expect(always.asked).toEqual([verb, verb]);
  });

  it('is never consumed a second time: the first may have counted', async () => {
    const { rows, asked } = lateRedis(1);
    await expect(inTenant(() => rows.consume('PushedAuthorizationRequest', 'handle'))).rejects.toMatchObject({
      status: 503,
    });
    expect(asked).toEqual(['consume']);
  });
});
