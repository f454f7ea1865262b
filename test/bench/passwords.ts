// Sign-ins by password: how many a second, against what the machine can hash in as many processes; how long one takes when they come at
// four fifths of that; and what a storm of them does to everybody else.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { routes } from '../../config/protocol.js';
import type { Parameters } from '../../src/platform/hashing-child.js';
import { readForm } from '../support/browser.js';
import { authorizationUrl, password, pkce } from '../support/party.js';
import { closedLoop, type Gun, type Measured, openLoop, type Reply, type Round, type Shot } from './load.js';
import { cpuMs, memoryMb } from './machine.js';
import { addressOf, form, front, Visitor } from './scenarios.js';
import { resource, type Server } from './servers.js';

/** The server's own number (platform/hashing.ts). */
export const hashingProcesses = Math.max(1, Math.floor(availableParallelism() / 2));

export const parameterSets: Record<'default' | 'minimum', Parameters> = {
  default: { timeCost: 3, memoryCost: 65_536, parallelism: 2 },
  /** OWASP's least: 19 MiB, two passes, one lane. */
  minimum: { timeCost: 2, memoryCost: 19_456, parallelism: 1 },
};

export interface Raw {
  perSecond: number;
  /** Milliseconds of CPU per hash. */
  cpu: number;
}

/** Verifications in processes that do nothing else, at the priority of the server's own. */
export async function rawRate(
  library: 'argon2' | '@node-rs/argon2',
  parameters: Parameters,
  seconds: number,
  processes = hashingProcesses,
): Promise<Raw> {
  const results = await Promise.all(
    Array.from({ length: processes }, async () => {
      const child = spawn(
        process.execPath,
        [fileURLToPath(new URL('./hash-alone.js', import.meta.url)), JSON.stringify({ library, parameters, seconds })],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const [text] = await once(child.stdout, 'data');
      return JSON.parse(String(text)) as Raw;
    }),
  );
  return {
    perSecond: results.reduce((sum, { perSecond }) => sum + perSecond, 0),
    cpu: results.reduce((sum, { cpu }) => sum + cpu, 0) / results.length,
  };
}

/** A sign-in as far as its password: a form that has been shown and waits. */
type Prepared = Shot;

let visitors = 0;

/** Interactions stand ready, as behind people who have read the page. */
export async function prepareSignIns(server: Server, count: number): Promise<Prepared[]> {
  const prepared: Prepared[] = [];
  const one = async () => {
    while (prepared.length < count) {
      // Taken before anything is waited for: five sign-ins of one person at once would pause them.
      const turn = ++visitors;
      const address = addressOf(2_000_000 + turn);
      const visitor = new Visitor(server, address);
      const page = await visitor.open(authorizationUrl(server as never, server.web, pkce()));
      const { action, values } = readForm(page);
      const username = server.people[turn % server.people.length] ?? '';
      prepared.push({
        method: 'POST',
        path: new URL(action).pathname,
        headers: {
          ...front(server),
          cookie: visitor.cookiesAt(action),
          origin: server.issuer,
          accept: 'text/html',
          'content-type': 'application/x-www-form-urlencoded',
          'x-forwarded-for': address,
        },
        body: new URLSearchParams([
          ...values.filter(([name]) => name === 'csrf'),
          ['username', username],
          ['password', password],
        ]).toString(),
      });
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
  return prepared;
}

/** The words of a page, as somebody would read them. */
const told = ({ status, body }: Reply): string =>
  `${status}: ${body
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .slice(0, 300)}`;

const accepted = async (gun: Gun, shot: Shot | undefined): Promise<void> => {
  if (!shot) throw new Error('no more sign-ins were prepared');
  const answer = await gun.fire(shot, true);
  if (answer.status !== 303) throw new Error(`a right password was answered ${told(answer)}`);
};

/** Submitted passwords a second, with enough people to keep every hashing process busy. */
export async function signInRate(
  server: Server,
  expected: number,
  seconds: number,
  observe: Observe = unobserved,
): Promise<Measured> {
  const prepared = await prepareSignIns(server, Math.ceil(expected * (seconds + 1.5) * 1.4) + 20);
  const users = hashingProcesses * 4;
  await closedLoop(server.port, users, 1, (gun) => accepted(gun, prepared.pop()));
  return observe('sign-ins', () => closedLoop(server.port, users, seconds, (gun) => accepted(gun, prepared.pop())));
}

/** How long programs wait for their answers while passwords are hashed without a pause and nobody is shed. */
export async function besideSignIns(server: Server, expected: number, seconds: number, observe: Observe) {
  let over: Record<string, number> = {};
  await signInRate(server, expected, seconds, async (phase, work) => {
    const busy = work();
    over = await observe(phase, () => p95s(server, machineRounds(server), seconds));
    return busy;
  });
  return over;
}

/** Sign-ins that come at random moments, so many a second. */
export async function signInsAt(server: Server, perSecond: number, seconds: number): Promise<Measured> {
  const prepared = await prepareSignIns(server, Math.ceil(perSecond * seconds * 1.5) + 20);
  return openLoop(server.port, perSecond, seconds, (gun) => accepted(gun, prepared.pop()));
}

export interface Storm {
  /** Milliseconds, by what is asked. */
  alone: Record<string, number>;
  during: Record<string, number>;
  shed: number;
  admitted: number;
  /** Milliseconds: how soon a sign-in that is shed knows. */
  shedP95: number;
  /** Megabytes of the main process, before and at the most. */
  memory: { before: number; most: number };
  /** Seconds until a sign-in is taken again and tokens are as fast as before. */
  recovered: number;
}

/** Runs a phase of an experiment, and may watch it. */
export type Observe = <T>(phase: string, work: () => Promise<T>) => Promise<T>;

export const unobserved: Observe = (_phase, work) => work();

/** Ten times the possible sign-ins, while programs go on asking for tokens at a rate the server easily serves. */
export async function storm(
  server: Server,
  possible: number,
  seconds: number,
  observe: Observe = unobserved,
): Promise<Storm> {
  const asks = machineRounds(server);
  // Compiled and cached before it counts.
  await p95s(server, asks, seconds / 2);
  const alone = await observe('alone', () => p95s(server, asks, seconds));
  const waiting = await prepareSignIns(server, Math.ceil(possible * (seconds + 2)) + 100);
  const before = memoryMb(server.pid);
  let [shed, admitted, most] = [0, 0, before];
  const watch = setInterval(() => {
    most = Math.max(most, memoryMb(server.pid));
  }, 100);
  const shedTimes: number[] = [];
  // Nobody sends a form again while it is under way.
  const flood: Round = async (gun) => {
    const shot = waiting.shift();
    if (!shot) throw new Error('no more sign-ins were prepared');
    const started = performance.now();
    const answer = await gun.fire(shot, true);
    if (answer.status === 303) admitted += 1;
    else if (answer.status === 503) {
      shed += 1;
      shedTimes.push(performance.now() - started);
      waiting.push(shot);
    } else throw new Error(`a sign-in in the storm was answered ${told(answer)}`);
  };
  const raging = openLoop(server.port, possible * 10, seconds + 2, flood);
  raging.catch(() => {});
  const rage = async () => {
    await delay(1_000);
    const seen = await observe('in the storm', () => p95s(server, asks, seconds));
    await raging;
    return seen;
  };
  const during = await rage().finally(() => clearInterval(watch));
  const recovered = await recovery(server, alone, asks);
  const sorted = shedTimes.sort((a, b) => a - b);
  return {
    alone,
    during,
    shed,
    admitted,
    shedP95: sorted[Math.floor(sorted.length * 0.95)] ?? 0,
    memory: { before, most },
    recovered,
  };
}

async function recovery(server: Server, alone: Record<string, number>, asks: Record<string, Round>): Promise<number> {
  const started = performance.now();
  for (;;) {
    const [one] = await prepareSignIns(server, 1);
    const taken = await closedLoop(server.port, 1, 0, async () => {}).then(() => signInOnce(server, one as Shot));
    const now = await p95s(server, asks, 1);
    const seconds = (performance.now() - started) / 1000;
    if ((taken && Object.entries(now).every(([name, p95]) => p95 <= (alone[name] ?? 0) * 1.5 + 2)) || seconds > 30)
      return seconds;
  }
}

async function signInOnce(server: Server, shot: Shot): Promise<boolean> {
  const { Gun: Once } = await import('./load.js');
  const gun = new Once(server.port, 1);
  try {
    return (await gun.fire(shot)).status === 303;
  } finally {
    await gun.close();
  }
}

function machineRounds(server: Server): Record<string, Round> {
  const asked = { grant_type: 'client_credentials', scope: 'read', resource };
  const token = form(server, routes.token, server.machine, asked);
  const introspect = form(server, routes.introspection, server.web, { token: 'x'.repeat(43) });
  const jwks: Shot = { method: 'GET', path: routes.jwks, headers: front(server) };
  const good =
    (shot: Shot): Round =>
    async (gun) => {
      const { status } = await gun.fire(shot);
      if (status !== 200) throw new Error(`answered ${status}`);
    };
  return { token: good(token), introspection: good(introspect), jwks: good(jwks) };
}

async function p95s(server: Server, asks: Record<string, Round>, seconds: number): Promise<Record<string, number>> {
  const measured = await Promise.all(
    Object.entries(asks).map(
      async ([name, round]) => [name, (await openLoop(server.port, 50, seconds, round)).p95] as const,
    ),
  );
  return Object.fromEntries(measured);
}

/** CPU of the main process per sign-in, beside the hash. */
export async function cpuOfSignIn(
  server: Server,
  work: () => Promise<Measured>,
): Promise<{ measured: Measured; cpu: number }> {
  const before = cpuMs(server.pid);
  const measured = await work();
  return { measured, cpu: (cpuMs(server.pid) - before) / measured.count };
}
