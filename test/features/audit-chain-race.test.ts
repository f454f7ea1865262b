import { describe, expect, it } from '@jest/globals';
import { AuditSealing } from '../../src/features/audit-proof/sealing.js';
import { kinds } from '../support/postgres.js';
import { openAuditHouse } from './audit-house.js';
import { at } from './house.js';

(kinds.includes('postgres') ? describe : describe.skip)(
  'two processes that record and seal as fast as they can',
  () => {
    it('keep one chain in which every event has its place', async () => {
      const house = await openAuditHouse('postgres', 2);
      try {
        const rooms = [house, ...house.others];
        let recording = true;
        const sealers = rooms.map(async (room) => {
          const sealing = new AuditSealing(room.db, 100);
          const checkpoints = house.checkpointsOf(room);
          let signed = 0;
          while (recording) {
            await sealing.run();
            signed += await at(house.tenant, () => checkpoints.sign());
          }
          return signed;
        });
        const writers = rooms.flatMap((room) =>
          [1, 2, 3, 4].map(async () => {
            for (let n = 0; n < 1250; n += 1)
              await at(house.tenant, () =>
                room.db.transaction(async () => {
                  await room.audit.record('setup.completed', { user_id: `${n}` });
                  // Ids are made before they commit, and not in that order.
                  if (n % 10 === 0) await room.db.manager.query('SELECT pg_sleep(0.005)');
                }),
              );
          }),
        );
        await Promise.all(writers);
        recording = false;
        const signed = await Promise.all(sealers);
        await house.sealing.run();
        expect(signed.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(1);
        const verified = await house.verify();
        expect(verified).toMatchObject({ findings: [], waiting: 0 });
        expect(verified.events).toBeGreaterThanOrEqual(10_000);
      } finally {
        await house.close();
      }
    }, 120_000);
  },
);
