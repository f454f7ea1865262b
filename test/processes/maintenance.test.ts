// R130: the maintenance that is said to one process is known to all of them within a second, and outlives what Redis forgets.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  administrator,
  crowd,
  type Manage,
  type Pair,
  refreshForm,
  rowsOf,
  send,
  startPair,
  until,
} from '../support/pair.js';
import { makeClient, makePerson, tokensFor } from '../support/party.js';

/** Milliseconds in which the other process must know. */
const atOnce = 1_000;

describe('maintenance of several processes', () => {
  let house: Pair;
  let manage: Manage;
  const shut = async (index: number) => (await house.ask(index, '/account')).status === 503;

  beforeAll(async () => {
    house = await startPair();
    manage = await administrator(house);
  }, 180_000);
  afterAll(() => house?.close());

  it('begins and ends everywhere within a second, for pages and for grants', async () => {
    const party = await makeClient(house.server, { consent_policy: 'implicit' });
    const user = await makePerson(house.server);
    const tokens = await tokensFor(house.server, party, user.email, { scope: 'openid offline_access' });
    const grant = async () => (await send(house, 1, '/token', party, refreshForm(String(tokens.refresh_token)))).status;
    expect([await shut(0), await shut(1)]).toEqual([false, false]);
    expect((await manage(0, 'PUT', '/maintenance', {})).status).toBe(200);
    expect(await until('the other is closed', () => shut(1), atOnce)).toBeLessThan(atOnce);
    expect([await shut(0), await grant()]).toEqual([true, 503]);
    expect((await manage(0, 'DELETE', '/maintenance')).status).toBe(204);
    expect(await until('the other is open', async () => !(await shut(1)), atOnce)).toBeLessThan(atOnce);
    expect([await shut(0), await grant()]).toEqual([false, 200]);
  });

  it('begins once, however many begin it at once at both', async () => {
    const count = async () =>
      (await rowsOf(house, `SELECT 1 FROM audit_events WHERE name = 'maintenance.started'`)).length;
    const before = await count();
    const answers = await crowd(6, (index) => manage(index, 'PUT', '/maintenance', { message: `as ${index} says` }));
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect(new Set(answers.map(({ body }) => body.since)).size).toBe(1);
    expect((await count()) - before).toBe(1);
    await crowd(2, (index) => manage(index, 'DELETE', '/maintenance'));
    expect(await rowsOf(house, `SELECT 1 FROM audit_events WHERE name = 'maintenance.ended'`)).toHaveLength(2);
  });
});
