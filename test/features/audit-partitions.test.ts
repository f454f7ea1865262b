import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { firstIdAt } from '../../src/features/audit/audit.queries.js';
import { kinds } from '../support/postgres.js';
import { openAuditHouse } from './audit-house.js';

const day = 24 * 3600 * 1000;

const operations = readFileSync(path.join(projectRoot, 'docs/operations.md'), 'utf8');
const [sql = ''] = [...operations.matchAll(/^```sql\n([\s\S]*?)^```$/gm)]
  .map(([, block = '']) => block)
  .filter((block) => block.includes('PARTITION BY RANGE'));

describe.each(kinds)('a record that was partitioned as docs/operations.md has it, on %s', (kind) => {
  it('goes on being sealed, and proves what was there before', async () => {
    const house = await openAuditHouse(kind);
    try {
      const before = await house.recorded(12);
      // The line of the example lies in a future that will be over one day.
      const now = house.clock.now().getTime();
      const at = (days: number) => firstIdAt(new Date(now + days * day).toISOString()).slice(0, 13);
      await house.query(sql.replaceAll('01a2ce8b-d400', at(30)).replaceAll('01a36e30-f800', at(61)));
      const after = await house.recorded(5);
      expect(after.length).toBe(before.length + 5);
      house.clock.forward((40 * day) / 1000);
      expect((await house.recorded(5)).length).toBe(after.length + 5);
      expect(await house.verify()).toMatchObject({ findings: [], events: after.length + 5, waiting: 0 });
      const parts = await house.query(
        'SELECT tableoid::regclass::text AS part FROM audit_events GROUP BY 1 ORDER BY 1',
      );
      expect(parts.map(({ part }: { part: string }) => part)).toEqual([
        'audit_events_2027_01',
        'audit_events_until_2027',
      ]);
    } finally {
      await house.close();
    }
  }, 120_000);
});
