// The database that needs no server: PGlite behind ordinary `pg`, in a folder of its own or in memory, for one process.
// Handed off to: database.ts, which takes the stream as its connection.
import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import type { PGlite } from '@electric-sql/pglite';
import { EmbeddedStream } from './embedded-stream.js';
import { acquireLock, type LockFile, LockHeldError } from './lock-file.js';

export interface EmbeddedOptions {
  /** The folder to keep the rows in; without it they live in memory. */
  dataDir?: string | undefined;
  /** A former dump() to begin with. */
  loadDataDir?: Blob | undefined;
}

export interface Embedded {
  /** One connection for `pg`. The database has a single session: a second connection waits for the first to end. */
  stream: () => Duplex;
  /** Rejects when the folder is in use or cannot be opened. */
  ready: Promise<void>;
  /** The whole data folder as an uncompressed tar. */
  dump(): Promise<Blob>;
  close(): Promise<void>;
}

/** How long a connection waits for the session before it fails: longer means that somebody waits for himself. */
const claimTimeoutMs = 10_000;

export function openEmbedded({ dataDir, loadDataDir }: EmbeddedOptions = {}): Embedded {
  const opening = open(dataDir, loadDataDir);
  const ready = opening.then(() => {});
  // Whoever connects sees the same error, so nobody is obliged to await ready.
  ready.catch(() => {});

  const serially = queue();
  const streams = new Set<EmbeddedStream>();
  const execute = (message: Uint8Array) =>
    serially(async () => (await opening).database.execProtocolRaw(message, { syncToFs: true }));
  const seat = oneSeat();
  let used = false;

  const session = {
    async claim(stream: EmbeddedStream) {
      await ready;
      await seat.take(stream);
      // The session outlives its connections: what the former one left open or prepared must not meet the next.
      if (used) for (const text of ['ROLLBACK', 'DISCARD ALL']) await execute(simpleQuery(text));
      used = true;
    },
    execute,
    release(stream: EmbeddedStream) {
      streams.delete(stream);
      seat.leave(stream);
    },
  };

  return {
    stream() {
      const stream = new EmbeddedStream(session);
      streams.add(stream);
      return stream;
    },
    ready,
    dump: () => serially(async () => (await opening).database.dumpDataDir('none')),
    async close() {
      for (const stream of streams) stream.destroy();
      const { database, lock } = await opening;
      await serially(() => keepingExitCode(() => database.close()));
      lock?.release();
    },
  };
}

async function open(
  dataDir: string | undefined,
  loadDataDir: Blob | undefined,
): Promise<{ database: PGlite; lock?: LockFile }> {
  const folder = dataDir && path.resolve(dataDir);
  const lock = folder ? await lockFolder(folder) : undefined;
  try {
    // Loaded here and not above: a server on PostgreSQL never pays for WebAssembly.
    const { PGlite } = await import('@electric-sql/pglite');
    const database = await keepingExitCode(() =>
      PGlite.create({
        ...(folder ? { dataDir: path.join(folder, 'postgres') } : {}),
        ...(loadDataDir ? { loadDataDir } : {}),
      }),
    );
    return lock ? { database, lock } : { database };
  } catch (error) {
    lock?.release();
    throw error;
  }
}

/** Two processes in one folder would overwrite each other's acknowledged rows: PGlite itself takes no lock. */
async function lockFolder(folder: string): Promise<LockFile> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  try {
    return await acquireLock(path.join(folder, 'embedded.lock'));
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    throw new Error(
      `The data folder ${folder} is in use by process ${error.pid}. The embedded database serves one process: ` +
        'stop that process, or set DATABASE_URL so that both use a PostgreSQL server.',
      { cause: error },
    );
  }
}

/** initdb and postgres end inside WebAssembly and leave their status as that of our process. */
async function keepingExitCode<T>(work: () => Promise<T>): Promise<T> {
  const before = process.exitCode;
  try {
    return await work();
  } finally {
    process.exitCode = before;
  }
}

/** PostgreSQL 18 §54.7, Query: 'Q', the length without the letter, the text and its zero. */
function simpleQuery(text: string): Buffer {
  const message = Buffer.from(`Q0000${text}\0`);
  message.writeInt32BE(message.length - 1, 1);
  return message;
}

function queue() {
  let tail: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const result = tail.then(work, work);
    tail = result.catch(() => {});
    return result;
  };
}

/** First come, first served; who has left while waiting is passed over. */
function oneSeat() {
  let holder: object | undefined;
  const waiting = new Map<object, () => void>();
  return {
    take(who: object): Promise<void> {
      if (!holder) {
        holder = who;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(who);
          reject(new Error('the embedded database has one connection, and it is in use'));
        }, claimTimeoutMs).unref();
        waiting.set(who, () => {
          clearTimeout(timer);
          holder = who;
          resolve();
        });
      });
    },
    leave(who: object): void {
      waiting.delete(who);
      if (holder !== who) return;
      holder = undefined;
      const [next] = waiting;
      if (!next) return;
      waiting.delete(next[0]);
      next[1]();
    },
  };
}
