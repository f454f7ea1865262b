// One process by itself: how soon it serves, what it holds in memory when nobody asks anything, and what a hashing child holds.
import { setTimeout as delay } from 'node:timers/promises';
import { median } from './compare.js';
import { Gun, type Shot } from './load.js';
import { childrenOf, cpuMs, memoryMb } from './machine.js';
import { parameterSets, prepareSignIns } from './passwords.js';
import type { Row } from './report.js';
import type { House } from './servers.js';

const idleSeconds = 5;

export async function processRows(house: House): Promise<Row[]> {
  const starts: { ms: number; cpu: number; idle: number }[] = [];
  let child = 0;
  for (let turn = 0; turn < 3; turn += 1) {
    const began = performance.now();
    const server = await house.start();
    const [ms, cpu] = [performance.now() - began, cpuMs(server.pid)];
    await delay(idleSeconds * 1000);
    starts.push({ ms, cpu, idle: memoryMb(server.pid) });
    if (turn === 0) {
      const gun = new Gun(server.port, 1);
      for (const shot of await prepareSignIns(server, 3)) await gun.fire(shot as Shot);
      await gun.close();
      const [hashing] = childrenOf(server.pid);
      if (hashing) child = memoryMb(hashing, 'VmHWM') - parameterSets.default.memoryCost / 1024;
    }
    await server.stop();
  }
  const row = (name: string, unit: string, ours: number, target: number, note: string): Row => ({
    name,
    unit,
    bare: null,
    ours,
    ratio: null,
    target,
    note,
  });
  return [
    row(
      'start-up with PostgreSQL',
      'ms',
      median(starts, 'ms'),
      2000,
      `from the command to the first 200 of /readyz, on a migrated database; ${median(starts, 'cpu')} ms of it CPU`,
    ),
    row('main process, idle', 'MB', median(starts, 'idle'), 160, `resident, ${idleSeconds} s after the start`),
    row('hashing child', 'MB', child, 60, 'the most it ever had resident, without the memory Argon2 was told to use'),
  ];
}
