// A process that records as fast as it can, and seals meanwhile as any process that does jobs: told how much, tells how long it took.
import { Writable } from 'node:stream';
import { loadConfig } from '../../config/index.js';
import { asDefaultTenant } from '../../src/main.js';
import { createLogger } from '../../src/platform/logger.js';
import { openServices } from '../../src/services.js';
import { cheapHashing } from '../support/server.js';

/** As many events as `each` in a transaction, by `lanes` at a time. */
export interface Writing {
  events: number;
  each: number;
  lanes: number;
}

const quiet = createLogger({ level: 'error', stream: new Writable({ write: (_chunk, _encoding, done) => done() }) });
const services = await openServices(loadConfig(), { hashing: cheapHashing, logger: quiet });

async function write({ events, each, lanes }: Writing): Promise<void> {
  const { db, audit, auditSealing } = services;
  let left = events;
  const lane = async (n: number) => {
    while (left > 0) {
      const count = Math.min(each, left);
      left -= count;
      await db.transaction(() =>
        count === 1
          ? audit.record('user.updated', { user_id: `lane-${n}` } as never)
          : audit.recordAll('user.updated', Array(count).fill({ user_id: `lane-${n}` }) as never),
      );
    }
  };
  const seal = async () => {
    while (left > 0) {
      await auditSealing.run();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const sealed = seal();
  await Promise.all(Array.from({ length: lanes }, (_, n) => lane(n)));
  process.send?.('written');
  await sealed;
  process.send?.('sealed');
}

process.on('message', (writing: Writing) => {
  void asDefaultTenant(services, () => write(writing));
});
process.once('disconnect', () => process.exit(0));
process.send?.('ready');
