// Whose the cores are: what each process takes of them during a time, and how long the server was ready to run and had none.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { childrenOf, cpuMs, waitedMs } from './machine.js';
import { type House, type Server, storesOf } from './servers.js';

/** Milliseconds. */
export interface Use {
  /** By process, all cores together. */
  cpu: Map<string, number>;
  /** By the main thread of the server, for a core. */
  waited: number;
  elapsed: number;
}

/** @returns what ends the watch and tells what was seen. */
export async function watchCores({ services }: House, server: Server): Promise<() => Use> {
  const { postgres, redis } = await storesOf(services);
  const processes: [string, number[]][] = [
    ['hashing processes', childrenOf(server.pid)],
    ['the server', [server.pid]],
    ['PostgreSQL', postgres],
    ['Redis', redis],
    ['who asks and measures', [process.pid]],
  ];
  const last = new Map<number, number>();
  const usedBy = (pid: number): number => {
    // A connection that PostgreSQL has closed since is a process that ended: what it took after the last look is not known.
    if (existsSync(`/proc/${pid}/stat`)) last.set(pid, cpuMs(pid));
    return last.get(pid) ?? 0;
  };
  const read = () => ({
    at: performance.now(),
    waited: waitedMs(server.pid),
    cpu: processes.map(([, pids]) => pids.reduce((sum, pid) => sum + usedBy(pid), 0)),
  });
  const before = read();
  return () => {
    const after = read();
    const elapsed = after.at - before.at;
    const cpu = new Map(processes.map(([name], index) => [name, (after.cpu[index] ?? 0) - (before.cpu[index] ?? 0)]));
    const taken = [...cpu.values()].reduce((sum, ms) => sum + ms, 0);
    cpu.set('the system, or nobody', availableParallelism() * elapsed - taken);
    return { cpu, waited: after.waited - before.waited, elapsed };
  };
}
