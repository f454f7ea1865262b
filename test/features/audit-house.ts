// A house with a record, sealed and signed; and somebody who can write its tables as they like.
import { Erasure } from '../../src/features/accounts/erasure.js';
import { AuditCheckpoints } from '../../src/features/audit-proof/checkpoints.js';
import { AuditSealing } from '../../src/features/audit-proof/sealing.js';
import { TenantVerification } from '../../src/features/audit-proof/tenant-verification.js';
import { withContext } from '../../src/platform/context.js';
import type { Kind } from '../support/postgres.js';
import { at, openHouse } from './house.js';

export type AuditHouse = Awaited<ReturnType<typeof openAuditHouse>>;

export async function openAuditHouse(kind: Kind, processes = 1) {
  const house = await openHouse(kind, processes);
  const { db, keys, tenants, clock, audit, tenant } = house;
  const broken: string[] = [];
  const inside = <T>(work: () => Promise<T>) => at(tenant, work);
  await keys.ensure(tenant.id);
  const signing = { events: 10_000, seconds: 600, page: 7 };
  const logger = { error() {} };
  const checkpointsOf = (room: Pick<typeof house, 'db' | 'keys' | 'tenants'>) =>
    new AuditCheckpoints(room.db, room.keys, room.tenants, clock, logger, async (id) => broken.push(id), signing);
  const sealing = new AuditSealing(db, 10);
  const checkpoints = checkpointsOf(house);
  const query = (sql: string, values: unknown[] = []) => db.manager.query(sql, values);
  return {
    ...house,
    broken,
    inside,
    sealing,
    checkpoints,
    checkpointsOf,
    query,
    erasure: new Erasure(db, tenants, clock),
    verify: (...kept: Parameters<TenantVerification['run']>) =>
      inside(() => new TenantVerification(db, keys, 7).run(...kept)),
    /** Events with an address and a browser, sealed and signed. @returns their ids, in the order in which they were sealed. */
    async recorded(count: number, userId = 'somebody'): Promise<string[]> {
      for (let n = 0; n < count; n += 1)
        await withContext({ ip: '198.51.100.7', userAgent: 'Firefox', requestId: `request-${n}` }, () =>
          inside(() => audit.record('password.set', { user_id: userId, must_change: n % 2 === 0 })),
        );
      await sealing.run();
      await inside(() => checkpoints.sign());
      const rows = await query('SELECT event_id FROM audit_seals WHERE tenant_id = $1 ORDER BY sequence', [tenant.id]);
      return rows.map((row: { event_id: string }) => row.event_id);
    },
    /** What work does to the database is not done in the end. */
    async undone(work: () => Promise<unknown>): Promise<void> {
      const undo = new Error('undone');
      await db
        .transaction(async () => {
          await work();
          throw undo;
        })
        .catch((error: unknown) => {
          if (error !== undo) throw error;
        });
    },
    /** As somebody who has the database and nothing else. */
    async tamper(sql: string, values: unknown[] = []) {
      const [trigger] = await query(`SELECT tgname FROM pg_trigger WHERE tgname = 'audit_events_added'`);
      await query(`ALTER TABLE audit_events DISABLE TRIGGER ${trigger.tgname}`);
      await query(sql, values);
      await query(`ALTER TABLE audit_events ENABLE TRIGGER ${trigger.tgname}`);
    },
  };
}
