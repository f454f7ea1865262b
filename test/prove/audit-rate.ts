// How many events two processes record together, each in a transaction with a change, and that it is one chain in the end.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startProcesses } from '../support/processes.js';
import type { Writing } from './audit-writer.js';

const wantedPerSecond = 5_000;

/** Each in a transaction of its own, as requests do; and fifty to a statement, as what is done to many does. */
const ways: readonly { name: string; writing: Writing }[] = [
  { name: 'an event to a transaction', writing: { events: 10_000, each: 1, lanes: 8 } },
  { name: 'fifty events to a transaction', writing: { events: 50_000, each: 50, lanes: 2 } },
];

export interface Rate {
  lines: string[];
  /** Whether all was recorded once, in one chain that nothing is wrong with. */
  isWhole: boolean;
}

export async function measureRate(): Promise<Rate> {
  const house = await startProcesses(0);
  const writers = await Promise.all([1, 2].map(() => writer({ ...house.settings, NODE_ENV: 'test' })));
  try {
    const lines: string[] = [];
    let isWhole = true;
    let recorded = 0;
    for (const { name, writing } of ways) {
      const started = performance.now();
      const written = writers.map((child) => said(child, 'written'));
      const sealed = writers.map((child) => said(child, 'sealed'));
      for (const child of writers) child.send(writing);
      await Promise.all(written);
      const seconds = (performance.now() - started) / 1000;
      await Promise.all(sealed);
      await house.inside(({ auditSealing }) => auditSealing.run());
      const behind = (performance.now() - started) / 1000 - seconds;
      const rate = Math.round((2 * writing.events) / seconds);
      recorded += 2 * writing.events;
      await house.inside(({ auditCheckpoints }) => auditCheckpoints.sign());
      const { findings, events, waiting } = await house.inside(({ auditVerification }) => auditVerification.run());
      isWhole &&= findings.length === 0 && waiting === 0 && events >= recorded;
      lines.push(
        `| ${name} | ${rate.toLocaleString('en')} | ${rate >= wantedPerSecond ? 'yes' : '**no**'} | ${behind.toFixed(1)} s later | ${events.toLocaleString('en')} events, ${findings.length} findings |`,
      );
    }
    return { lines, isWhole };
  } finally {
    for (const child of writers) child.kill();
    await house.close();
  }
}

async function writer(environment: Record<string, string>): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('./audit-writer.js', import.meta.url)), {
    env: { PATH: process.env.PATH, ...environment },
    execArgv: [],
  });
  await said(child, 'ready');
  return child;
}

/** @throws Error where it ends instead. */
const said = (child: ChildProcess, what: string) =>
  new Promise<void>((resolve, reject) => {
    child.on('message', (message) => message === what && resolve());
    child.once('exit', (code) => reject(new Error(`a writer ended with ${code}`)));
  });
