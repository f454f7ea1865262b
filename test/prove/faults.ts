// npm run prove -- faults [words]: breaks what the server stands on, and looks whether it keeps what test/SECURITY.md and the operations guide
// promise. With words: only the faults that have them, and no report is written.
import { hasRedis, postgresBinaries } from '../support/own-servers.js';
import { diskFaults } from './faults/disk.js';
import { killedFaults } from './faults/killed.js';
import { loadFaults } from './faults/load.js';
import { mailFaults } from './faults/mail.js';
import { migrationFaults } from './faults/migration.js';
import { postgresFaults } from './faults/postgres.js';
import { redisFaults } from './faults/redis.js';
import { Report } from './faults/report.js';
import { rowFaults } from './faults/rows.js';
import { openStage, type Stage } from './faults/stage.js';

const groups: readonly ((stage: Stage, report: Report) => Promise<void>)[] = [
  postgresFaults,
  redisFaults,
  killedFaults,
  mailFaults,
  rowFaults,
  diskFaults,
  migrationFaults,
  loadFaults,
];

/** @returns true where every promise was kept. */
export async function proveFaults(words: string[]): Promise<boolean> {
  if (!postgresBinaries || !hasRedis)
    throw new Error('postgresql and redis-server must be installed: they are broken here');
  const report = new Report(words.join(' '));
  const stage = await openStage();
  try {
    for (const group of groups) await group(stage, report);
  } finally {
    await stage.close();
  }
  if (words.length === 0) report.write();
  return report.kept;
}
