import { describe, expect, it } from '@jest/globals';
import { WEBHOOKS_TOPIC, WebhookListening } from '../../src/features/webhooks/webhook-listening.js';
import type { Database } from '../../src/platform/database.js';
import { everything } from '../../src/platform/invalidation.js';

/** A database that answers when it is told to, and somebody who says what has changed. */
function open() {
  const asked: { answer(tenants: string[]): Promise<void>; fail(): Promise<void> }[] = [];
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  const db = {
    detached: (work: () => Promise<unknown>) => work(),
    execute: () =>
      new Promise((resolve, reject) => {
        asked.push({
          answer: (tenants) => {
            resolve(tenants.map((tenant_id) => ({ tenant_id })));
            return settled();
          },
          fail: () => {
            reject(new Error('away'));
            return settled();
          },
        });
      }),
  } as unknown as Database;
  let tell = (_key: string) => {};
  const signals = {
    live: true,
    subscribe(topic: string, listener: (key: string) => void) {
      expect(topic).toBe(WEBHOOKS_TOPIC);
      tell = listener;
      return () => {};
    },
  };
  const errors: unknown[] = [];
  const listening = new WebhookListening(db, signals, (error) => errors.push(error));
  return { listening, signals, asked, errors, tell: (key: string) => tell(key), settled };
}

describe('which tenants tell anybody: never fewer than there are', () => {
  it('before anybody knows, all of them', () => {
    const { listening, asked } = open();
    expect([listening.at('a'), listening.anywhere]).toEqual([true, true]);
    expect(asked).toHaveLength(1);
  });

  it('then those that do, without another question', async () => {
    const { listening, asked } = open();
    void listening.load();
    await asked[0]?.answer(['a']);
    expect([listening.at('a'), listening.at('b'), listening.anywhere]).toEqual([true, false, true]);
    expect(asked).toHaveLength(1);
  });

  it('at once of whom it is heard, and until it was looked for whether they still do', async () => {
    const { listening, asked, tell, settled } = open();
    void listening.load();
    await asked[0]?.answer([]);
    expect(listening.anywhere).toBe(false);
    tell('b');
    expect([listening.at('b'), listening.anywhere]).toEqual([true, true]);
    await settled();
    await asked[1]?.answer([]);
    expect([listening.at('b'), listening.anywhere]).toEqual([false, false]);
  });

  it('of whom it is heard while the others are being read, though they were read before', async () => {
    const { listening, asked, tell, settled } = open();
    void listening.load();
    tell('b');
    await asked[0]?.answer([]);
    expect(listening.at('b')).toBe(true);
    await settled();
    expect(asked).toHaveLength(2);
  });

  it('none of what was being read when something was missed', async () => {
    const { listening, asked, tell, settled } = open();
    void listening.load();
    tell(everything);
    await asked[0]?.answer([]);
    expect(listening.at('b')).toBe(true);
    await settled();
    await asked[1]?.answer([]);
    expect(listening.at('b')).toBe(false);
  });

  it('all of them again where anything may have changed, where changes are not heard, and where the database is away', async () => {
    const { listening, signals, asked, tell, settled, errors } = open();
    void listening.load();
    await asked[0]?.answer([]);
    signals.live = false;
    expect(listening.at('b')).toBe(true);
    signals.live = true;
    expect(listening.at('b')).toBe(false);
    tell(everything);
    expect(listening.at('b')).toBe(true);
    await settled();
    await asked[1]?.fail();
    expect([listening.at('b'), errors.length]).toEqual([true, 1]);
  });
});
