// One row: the bare engine and this server in turn, three times each, and of each the median. CPU time beside the rate, because a busy
// machine shows in the one and hardly in the other.
import { closedLoop, type Measured } from './load.js';
import { cpuMs } from './machine.js';
import type { Row } from './report.js';
import type { Scenario } from './scenarios.js';
import type { Server } from './servers.js';

interface Run extends Measured {
  /** Of the server, per round. */
  cpu: number;
}

export async function compare(
  scenario: Scenario,
  servers: { bare: Server; ours: Server },
  { seconds, users, rounds = 3 }: { seconds: number; users: number; rounds?: number },
): Promise<Row[]> {
  const runs: Record<'bare' | 'ours', Run[]> = { bare: [], ours: [] };
  for (let turn = 0; turn < rounds; turn += 1)
    for (const name of ['bare', 'ours'] as const)
      runs[name].push(await runOnce(scenario, servers[name], seconds, users, turn === 0));
  const [bare, ours] = [median(runs.bare, 'perSecond'), median(runs.ours, 'perSecond')];
  const [bareCpu, oursCpu] = [median(runs.bare, 'cpu'), median(runs.ours, 'cpu')];
  const generator = Math.max(...[...runs.bare, ...runs.ours].map((run) => run.generator));
  return [
    {
      name: scenario.name,
      unit: 'requests/s',
      bare,
      ours,
      ratio: ours / bare,
      target: scenario.target,
      note: note(generator),
    },
    {
      name: `${scenario.name}: CPU`,
      unit: 'ms/request',
      bare: bareCpu,
      ours: oursCpu,
      ratio: bareCpu / oursCpu,
      target: scenario.target,
    },
  ];
}

async function runOnce(
  scenario: Scenario,
  server: Server,
  seconds: number,
  users: number,
  cold: boolean,
): Promise<Run> {
  const round = await scenario.prepare(server, users);
  // Compiled and cached before it counts.
  await closedLoop(server.port, users, cold ? Math.max(1, seconds / 4) : 0.3, round);
  const before = cpuMs(server.pid);
  const measured = await closedLoop(server.port, users, seconds, round);
  return { ...measured, cpu: (cpuMs(server.pid) - before) / measured.count };
}

const note = (generator: number): string =>
  generator > 0.9 ? `the generator had ${Math.round(generator * 100)} % of a core: it may have been the limit` : '';

export function median<T>(runs: readonly T[], member: keyof T): number {
  const values = runs.map((run) => Number(run[member])).sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)] ?? 0;
}
