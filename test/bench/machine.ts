// What runs where: processes pinned to cores where the system can, their CPU time and memory as the kernel counts them.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { source } from '../support/report.js';

const cores = availableParallelism();
const canPin = cores > 1 && spawnSync('taskset', ['--version']).status === 0;

/** The server under test has the first core; everything else the others. */
export const serverCores = '0';
export const otherCores = cores > 2 ? `1-${cores - 1}` : '1';

/** With its threads. Does nothing where there is no taskset, or the process is not ours to move. */
export function pin(pid: number, list: string): void {
  if (canPin) spawnSync('taskset', ['-a', '-p', '-c', list, String(pid)]);
}

/** Where what is started by this process begins its life. */
export const pinned = (list: string, command: string[]): [string, string[]] => {
  const [file = '', ...rest] = canPin ? ['taskset', '-c', list, ...command] : command;
  return [file, rest];
};

export function describeMachine(): Record<string, string | number> {
  return {
    source: source(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores,
    memory_gb: Math.round(totalmem() / 1e9),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    pinning: canPin
      ? `server on core ${serverCores}; generator, Redis and PostgreSQL on core ${otherCores}`
      : 'none: taskset is not here, or there is one core',
  };
}

/** proc(5): what follows the name in /proc/PID/stat, from the state on. */
const statOf = (pid: number): string[] => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
};

export const parentOf = (pid: number): number => Number(statOf(pid)[1]);

/** Milliseconds of CPU that a process has used, all its threads together. */
export function cpuMs(pid: number): number {
  const fields = statOf(pid);
  // utime and stime, in ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Milliseconds that the main thread of a process was ready to run and every core it may have was another's (schedstat, second number). */
export const waitedMs = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;

/** Whether a process of this machine has this number and name: a server elsewhere tells numbers of its own. */
export function runsHere(pid: number, name: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name;
  } catch {
    return false;
  }
}

/** Megabytes: VmRSS is what it has now, VmHWM the most it ever had. */
export function memoryMb(pid: number, what: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const [, kilobytes] = new RegExp(`${what}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' '))
    .filter(Boolean)
    .map(Number);
}
