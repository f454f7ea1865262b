// `ostiary start` as a service manager runs it: a child process with an environment, that is signalled and ends with a code.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot } from '../../config/root.js';
import { until } from './pair.js';
import { makeClient, type Party } from './party.js';
import { type Processes, startProcesses } from './processes.js';
import { freePort, type TestServer } from './server.js';

export interface Command {
  child: ChildProcess;
  /** What it and its workers wrote, line by line. */
  lines: string[];
  metricsPort: number;
  /** @returns the code with which it ended. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves when a line with these words was written, so many times. */
  said(words: string, options?: { times?: number; milliseconds?: number }): Promise<unknown>;
  metrics(): Promise<string>;
  /** Process ids by what they do, in the order in which they began. */
  workers(role: 'web' | 'jobs'): number[];
}

const worthKeeping = (line: string) => line !== '' && !line.includes('"message":"request"');

/** An issuer that nobody serves yet: database, secrets, a client, and what `ostiary start` has to be told. */
export interface Issuer extends Omit<Processes, 'members' | 'spawn' | 'ask'> {
  environment: Record<string, string>;
  host: string;
  port: number;
  /** May use client credentials and introspection. */
  party: Party;
}

export async function openIssuer(): Promise<Issuer> {
  const COOKIE_KEYS = randomBytes(32).toString('hex');
  const house = await startProcesses(0, { COOKIE_KEYS });
  const party = await makeClient(house as unknown as TestServer, {
    grant_types: ['authorization_code', 'client_credentials'],
  });
  const { host, port } = new URL(house.issuer);
  return {
    ...house,
    party,
    host,
    port: Number(port),
    environment: {
      ISSUER: house.issuer,
      DATABASE_URL: String(house.database.url),
      REDIS_URL: String(process.env.TEST_REDIS_URL),
      COOKIE_KEYS,
      TRUST_PROXY: '127.0.0.1',
      ENCRYPTION_KEYS: JSON.stringify({ v1: Buffer.alloc(32, 7).toString('base64') }),
    },
  };
}

/** Does not wait: `said('is ready')` does. */
export async function ostiary(environment: Record<string, string>): Promise<Command> {
  const metricsPort = await freePort();
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(projectRoot, 'dist/src/cli.js'), 'start'],
    {
      env: {
        PATH: process.env.PATH,
        HOST: '127.0.0.1',
        DEMO: 'false',
        LOG_LEVEL: 'info',
        METRICS_PORT: String(metricsPort),
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface(stream).on('line', (line) => worthKeeping(line) && lines.push(line));
  const ended = once(child, 'close') as Promise<[number | null]>;
  return {
    child,
    lines,
    metricsPort,
    async end(signal) {
      if (signal) child.kill(signal);
      const [code] = await ended;
      return code;
    },
    said: (words, { times = 1, milliseconds = 30_000 } = {}) =>
      until(
        `"${words}" in what it says:\n${lines.join('\n')}`,
        async () => {
          if (lines.filter((line) => line.includes(words)).length >= times) return true;
          if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${lines.join('\n')}`);
          await delay(20);
          return false;
        },
        milliseconds,
      ),
    workers: (role) =>
      lines
        .filter((line) => line.includes('a worker serves'))
        .map((line) => JSON.parse(line) as { role: string; pid: number })
        .flatMap((said) => (said.role === role ? said.pid : [])),
    metrics: async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
  };
}
