// One process per folder: a file that names its holder, outlives kill -9 without locking anybody out, and is never taken from the living.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

export interface LockFile {
  release(): void;
}

/** The file is held by a living process. */
export class LockHeldError extends Error {
  constructor(readonly pid: number) {
    super(`held by process ${pid}`);
    this.name = 'LockHeldError';
  }
}

const Holder = z.object({ pid: z.int(), started: z.string(), machine: z.string(), token: z.string() });
type Holder = z.infer<typeof Holder>;

const heartbeatMs = 2_000;

/**
 * @param foreignPatienceMs how long a holder that cannot be seen from here (another container on the same volume) may be silent.
 * @throws LockHeldError
 */
export async function acquireLock(file: string, foreignPatienceMs = 3 * heartbeatMs): Promise<LockFile> {
  const token = randomUUID();
  const mine: Holder = { pid: process.pid, started: startOf(process.pid) ?? '', machine: machine(), token };
  for (let tookOver = false; ; tookOver = true) {
    if (create(file, mine)) {
      // Two processes may both have judged the old holder dead: whoever no longer finds its own name has lost.
      if (tookOver) await delay(100);
      if (read(file)?.token === token) return hold(file, token);
    }
    const holder = read(file);
    if (holder && (await lives(file, holder, foreignPatienceMs))) throw new LockHeldError(holder.pid);
    takeAway(file, holder?.token);
  }
}

function hold(file: string, token: string): LockFile {
  const beat = setInterval(() => {
    try {
      utimesSync(file, new Date(), new Date());
    } catch {
      // The folder was removed under us; there is nothing left to guard.
    }
  }, heartbeatMs).unref();
  return {
    release() {
      clearInterval(beat);
      if (read(file)?.token === token) rmSync(file, { force: true });
    },
  };
}

/** Appears with its content or not at all: link(2) fails where the name exists. */
function create(file: string, holder: Holder): boolean {
  const draft = `${file}.${holder.token}`;
  writeFileSync(draft, JSON.stringify(holder), { mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Moved aside, not deleted: if another process was faster, what is moved is its new lock, and it goes back. */
function takeAway(file: string, token: string | undefined): void {
  const aside = `${file}.${randomUUID()}`;
  try {
    renameSync(file, aside);
    if (read(aside)?.token !== token) linkSync(aside, file);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function read(file: string): Holder | undefined {
  try {
    return Holder.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

async function lives(file: string, holder: Holder, patienceMs: number): Promise<boolean> {
  if (holder.machine === machine()) {
    const started = startOf(holder.pid);
    return started !== undefined && started === holder.started;
  }
  // Its process ids mean nothing here, so watch whether it still touches the file. Clocks are not compared.
  const touched = () => statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  const before = touched();
  await delay(patienceMs);
  const after = touched();
  return after !== undefined && after !== before;
}

/** Where a process id means what it means here: one host, and on Linux one PID namespace. */
function machine(): string {
  return `${hostname()} ${attempt(() => readlinkSync('/proc/self/ns/pid')) ?? ''}`;
}

/** When a process started, across reboots and reuse of its id; undefined when it is gone. */
function startOf(pid: number): string | undefined {
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  if (boot) {
    const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
    // proc(5): field 22, counted after the name, which may itself hold spaces and parentheses; a zombie (field 3) holds nothing any more.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields && fields[0] !== 'Z' ? `${boot} ${fields[19]}` : undefined;
  }
  const environment = { env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/bin:/usr/bin' }, encoding: 'utf8' as const };
  return attempt(() => execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], environment).trim()) || undefined;
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
