import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { v7 } from 'uuid';
import { tailAudit } from '../../src/features/audit/audit-tail.js';
import { kinds } from '../support/postgres.js';
import { type AuditHouse, openAuditHouse } from './audit-house.js';

const events = 3000;

describe.each(kinds)('the record as it grows, on %s', (kind) => {
  let house: AuditHouse;
  let start: string;

  beforeAll(async () => {
    house = await openAuditHouse(kind);
    start = v7({ msecs: house.clock.now().getTime() - 1000 });
    const each = Array.from({ length: events }, (_, n) => ({ user_id: `user-${n}`, changed: [] }));
    await house.inside(() => house.audit.recordAll('user.updated', each));
    house.clock.forward(3600);
  }, 180_000);
  afterAll(() => house?.close());

  it('tells each event once however far back somebody begins, and remembers no more than a page of them', async () => {
    let most = 0;
    const add = Set.prototype.add;
    jest.spyOn(Set.prototype, 'add').mockImplementation(function (this: Set<unknown>, value: unknown) {
      const result = add.call(this, value);
      if (typeof value === 'string' && value.length === 36) most = Math.max(most, this.size);
      return result;
    });
    const stop = new AbortController();
    const told: string[] = [];
    await house.inside(async () => {
      const tail = tailAudit(house.db, house.clock, { events: ['user.updated'], after: start }, stop.signal);
      for await (const { id } of tail) if (told.push(id) === events) setTimeout(() => stop.abort(), 1_500);
    });
    jest.restoreAllMocks();
    expect([told.length, new Set(told).size]).toEqual([events, events]);
    expect(told).toEqual([...told].sort());
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(500);
  });
});
