import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rowsOf, until } from '../support/pair.js';
import { type Processes, startProcesses } from '../support/processes.js';
import { believed, WebhookReceiver } from '../support/webhook-receiver.js';

describe('webhooks of several processes (Standard Webhooks 1.0)', () => {
  let receiver: WebhookReceiver;
  let house: Processes;

  beforeAll(async () => {
    receiver = await WebhookReceiver.start();
    house = await startProcesses(2, { EGRESS_ALLOW: '127.0.0.1' });
  }, 180_000);
  afterAll(async () => {
    await house?.close();
    await receiver?.close();
  });

  const make = (path: string) =>
    house.inside(({ webhooks }) => webhooks.create(null, { url: receiver.url(path), events: ['user.updated'] }));
  const happen = (number: number) =>
    house.inside(({ audit }) =>
      audit.recordAll(
        'user.updated',
        Array.from({ length: number }, (_, index) => ({ user_id: `${index}`, changed: [] })),
      ),
    );
  const statesOf = ({ id }: { id: string }) =>
    rowsOf<{ status: string; attempts: number }>(
      house,
      `SELECT status, attempts FROM webhook_deliveries WHERE endpoint_id = '${id}'`,
    );

  it('of two that look at the same time, one sends: each message comes once', async () => {
    const { webhook, secret } = await make('/once');
    await happen(100);
    await until('all of them', async () => receiver.at('/once').length >= 100, 30_000);
    await until('written down', async () => (await statesOf(webhook)).every(({ status }) => status === 'delivered'));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const messages = receiver.at('/once');
    expect([messages.length, new Set(messages.map(({ id }) => id)).size]).toEqual([100, 100]);
    for (const message of messages) expect(believed(secret, message)).toMatchObject({ type: 'user.updated' });
    expect((await statesOf(webhook)).filter(({ attempts }) => attempts !== 1)).toEqual([]);
  }, 120_000);

  it('what a process was sending when it was killed (kill -9) is sent by another one, under the same id', async () => {
    const { webhook } = await make('/killed');
    receiver.manners.set('/killed', 'hang');
    await happen(1);
    await until('it has arrived', async () => receiver.at('/killed').length === 1, 15_000);
    await Promise.all(
      house.members.map(async ({ child }) => {
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await gone;
      }),
    );
    expect(await statesOf(webhook)).toEqual([{ status: 'queued', attempts: 1 }]);
    receiver.manners.set('/killed', 204);
    // What was taken is taken for a minute; it is moved on by hand.
    await rowsOf(house, `UPDATE webhook_deliveries SET next_at = now() WHERE status = 'queued'`);
    await house.spawn();
    await until('written down', async () => (await statesOf(webhook))[0]?.status === 'delivered', 30_000);
    const ids = receiver.at('/killed').map(({ id }) => id);
    expect([ids.length, new Set(ids).size]).toEqual([2, 1]);
  }, 180_000);
});
