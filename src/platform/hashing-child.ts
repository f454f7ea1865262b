// The process that hashes: one job at a time, asked and answered over IPC. Started by hashing.ts, ends with its parent.
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import { readImported } from './hash-formats/formats.js';
import { measureStrength } from './strength.js';

export interface Parameters {
  /** Passes over the memory. */
  timeCost: number;
  /** KiB. */
  memoryCost: number;
  /** Lanes. */
  parallelism: number;
}

export type Task =
  | { kind: 'hash'; password: string; parameters: Parameters }
  | { kind: 'verify'; password: string; hash: string }
  | { kind: 'strength'; password: string; words: readonly string[] };

export interface Question {
  id: number;
  task: Task;
}

/** `failure` is the library's message (a malformed hash, no memory); it never repeats the password. */
export type Answer = { id: number; value: string | boolean } | { id: number; failure: string };

interface Argon2 {
  hash(password: Buffer, parameters: Parameters): string | Promise<string>;
  verify(hash: string, password: Buffer): boolean | Promise<boolean>;
}

const argon2id = 2;

yieldToOthers();

// A Ctrl+C or a service manager signals the whole group; the parent still drains and may need this process until it disconnects.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(0));

const library = load();
// Where neither can be loaded, each job is answered with the reason.
library.catch(() => {});

process.on('message', async (question: Question) => {
  const answer = await work(question);
  process.send?.(answer);
});

/** Lowest priority. On Linux it belongs to a thread: those that Node made before us are told one by one, later ones inherit it. */
function yieldToOthers(): void {
  try {
    setPriority(0, 19);
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), 19);
  } catch {
    // A platform that refuses still hashes.
  }
}

async function work({ id, task }: Question): Promise<Answer> {
  try {
    if (task.kind === 'strength') return { id, value: await measureStrength(task.password, task.words) };
    // The exact bytes as received (UTF-8): no normalisation, NUL is a character like any other.
    const password = Buffer.from(task.password, 'utf8');
    const imported = task.kind === 'verify' ? readImported(task.hash) : undefined;
    // bcrypt repeats its key with a NUL behind it and HMAC fills it up with them: `a`, `a\0` and `a\0a` would be one password. With the work
    // done all the same, none that holds one is right.
    if (imported) return { id, value: (await imported.verify(password)) && !password.includes(0) };
    const argon2 = await library;
    return {
      id,
      value:
        task.kind === 'hash' ? await argon2.hash(password, task.parameters) : await argon2.verify(task.hash, password),
    };
  } catch (error) {
    return { id, failure: error instanceof Error ? error.message : 'hashing failed' };
  }
}

/**
 * t=3 m=64 MiB p=2 on two cores, Node 20: @node-rs/argon2 2.2.1 takes 22 ms, argon2 0.44.0 takes 72 ms (t=2 m=19 MiB p=1: 7.5 and
 * 18 ms). Both write and read the same strings, so the slower serves where the other has no binary.
 */
async function load(): Promise<Argon2> {
  try {
    const rust = await import('@node-rs/argon2');
    return {
      hash: (password, parameters) => rust.hashSync(password, { ...parameters, algorithm: argon2id }),
      verify: (hash, password) => rust.verifySync(hash, password),
    };
  } catch {
    const { default: c } = await import('argon2');
    return {
      hash: (password, parameters) => c.hash(password, { ...parameters, type: argon2id }),
      verify: (hash, password) => c.verify(hash, password),
    };
  }
}
