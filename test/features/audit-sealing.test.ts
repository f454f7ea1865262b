import { describe, expect, it, jest } from '@jest/globals';
import { AuditSealing } from '../../src/features/audit-proof/sealing.js';
import { kinds } from '../support/postgres.js';
import { openAuditHouse } from './audit-house.js';

interface Plan {
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  Plans?: Plan[];
}

/** Of all tables that are read, how many rows come of each. */
function rowsOf(plan: Plan, found: Record<string, number> = {}): Record<string, number> {
  const name = plan['Relation Name'];
  if (name) found[name] = (found[name] ?? 0) + plan['Actual Rows'] * plan['Actual Loops'];
  for (const one of plan.Plans ?? []) rowsOf(one, found);
  return found;
}

// The planner is told nothing of the tables, as on the first day; or all, as later.
describe.each(kinds)('what waits to be sealed, on %s', (kind) => {
  it.each(['unknown', 'analyzed'])(
    'is read by the batch, however many events there are: %s',
    async (state) => {
      const house = await openAuditHouse(kind);
      try {
        const record = (count: number) =>
          house.inside(() => house.audit.recordAll('user.updated', Array(count).fill({ user_id: 'x' }) as never));
        await record(3000);
        await new AuditSealing(house.db, 1000).run();
        await record(2000);
        if (state === 'analyzed')
          for (const table of ['audit_events', 'audit_seals', 'audit_unsealed']) await house.query(`ANALYZE ${table}`);
        const executing = jest.spyOn(house.db, 'execute');
        await new AuditSealing(house.db, 50).run();
        const [statement] = executing.mock.calls
          .map(([one]) => one)
          .filter(({ name }) => name === 'audit_unsealed_next');
        executing.mockRestore();
        await record(2000);
        const [{ 'QUERY PLAN': plans }] = await house.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${statement?.text}`, [
          house.tenant.id,
          50,
        ]);
        const rows = rowsOf((typeof plans === 'string' ? JSON.parse(plans) : plans)[0].Plan);
        expect(rows.audit_events).toBe(100);
        expect(rows.audit_seals ?? 0).toBe(0);
      } finally {
        await house.close();
      }
    },
    60_000,
  );
});
