// npm run bench -- --profile [--only NAME]: where the time of a request goes, part by part, at the bare engine and here: what a ratio of the
// table is made of. Writes docs/reports/profile.md unless --only chooses.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { closedLoop } from './load.js';
import { serverCores } from './machine.js';
import type { Scenario } from './scenarios.js';
import { type House, type Server, startBare } from './servers.js';

/** Microseconds for one request, by part. */
export type Parts = Map<string, number>;

export interface Profile {
  name: string;
  bare: Parts;
  ours: Parts;
}

export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[];
  samples: number[];
  /** Microseconds, on the clock of process.hrtime(). */
  startTime: number;
  timeDeltas: number[];
}

/** Each part by what its files are called; the first that fits. */
const parts: [string, RegExp][] = [
  ['log and metrics', /\/platform\/(logger|redact|metrics)\.js|\/(winston|logform|readable-stream|prom-client)/],
  ['limits and Redis', /\/platform\/rate-limit|\/(ioredis|redis|rate-limiter)/],
  [
    'rows and PostgreSQL',
    /\/features\/protocol\/|\/platform\/(database|together)|\/oidc\/(adapter|exchange)|\/(pg|typeorm)/,
  ],
  [
    'front: address, issuer, context',
    /\/src\/(front|issuers|express|app|measures)\.js|\/platform\/(context|web-server)|\/(proxy-addr|forwarded|ipaddr)/,
  ],
  ['clients, resources, caches', /\/dist\/src\//],
  ['the engine, with Koa and jose', /./],
];

export async function profile(scenario: Scenario, house: House, seconds: number, users: number): Promise<Profile> {
  const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-profile-'));
  const bare = await measure(
    scenario,
    (profiles) => startBare(house, { cores: serverCores, profiles }),
    folder,
    'bare',
    seconds,
    users,
  );
  const ours = await measure(
    scenario,
    (profiles) => house.start({ cores: serverCores, profiles }),
    folder,
    'ours',
    seconds,
    users,
  );
  console.log(`${scenario.name}: the profiles are in ${folder}`);
  return { name: scenario.name, bare, ours };
}

async function measure(
  scenario: Scenario,
  start: (profiles: string) => Promise<Server>,
  folder: string,
  name: string,
  seconds: number,
  users: number,
): Promise<Parts> {
  const profiles = path.join(folder, name);
  mkdirSync(profiles);
  const server = await start(profiles);
  const { count, from, to } = await loaded(server, scenario, seconds, users).finally(() => server.stop());
  return each(spentBetween(profileOf(server.pid, profiles), from, to), count);
}

/** Of a process that has ended. */
export function profileOf(pid: number, folder: string): CpuProfile {
  const file = readdirSync(folder).find((name) => name.includes(`.${pid}.`));
  if (!file) throw new Error(`process ${pid} left no profile in ${folder}`);
  return JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as CpuProfile;
}

export const each = (spent: Parts, count: number): Parts =>
  new Map([...spent].map(([part, all]) => [part, all / count]));

async function loaded(server: Server, scenario: Scenario, seconds: number, users: number) {
  const round = await scenario.prepare(server, users);
  // Compiled by then, and compiled again with what was learnt.
  await closedLoop(server.port, users, seconds * 2, round);
  const from = microseconds();
  const { count } = await closedLoop(server.port, users, seconds, round);
  return { count, from, to: microseconds() };
}

/** The clock of a profile. */
export const microseconds = (): number => Number(process.hrtime.bigint() / 1000n);

/** Microseconds of the main thread between two moments; what Node.js does itself is charged to whoever called it. */
export function spentBetween({ nodes, samples, startTime, timeDeltas }: CpuProfile, from: number, to: number): Parts {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const partOfNode = new Map<number, string | undefined>();
  const partOf = (id: number): string | undefined => {
    if (partOfNode.has(id)) return partOfNode.get(id);
    const { functionName, url } = byId.get(id)?.callFrame ?? { functionName: '', url: '' };
    const parent = parents.get(id);
    const own = url && !url.startsWith('node:') ? parts.find(([, files]) => files.test(url))?.[0] : undefined;
    const native =
      functionName === '(idle)'
        ? undefined
        : functionName === '(garbage collector)'
          ? 'garbage collection'
          : 'Node.js itself';
    const part =
      own ??
      (functionName.startsWith('(') && functionName !== '(anonymous)'
        ? native
        : parent === undefined
          ? 'Node.js itself'
          : partOf(parent));
    partOfNode.set(id, part);
    return part;
  };

  const spent: Parts = new Map();
  let at = startTime;
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0;
    at += delta;
    const part = at >= from && at <= to ? partOf(id) : undefined;
    if (part) spent.set(part, (spent.get(part) ?? 0) + delta);
  }
  return spent;
}

export function profileTable({ name, bare, ours }: Profile): string {
  const names = [...new Set([...bare.keys(), ...ours.keys()])];
  const more = (part: string) => (ours.get(part) ?? 0) - (bare.get(part) ?? 0);
  const rows = names
    .sort((a, b) => more(b) - more(a))
    .map((part) => `| ${part} | ${text(bare.get(part))} | ${text(ours.get(part))} | ${text(more(part))} |`);
  const [allBare, allOurs] = [total(bare), total(ours)];
  return `## ${name}

| µs a request | bare | ours | more |
|---|---|---|---|
${rows.join('\n')}
| **together** | ${text(allBare)} | ${text(allOurs)} | ${text(allOurs - allBare)} |
`;
}

const total = (spent: Parts): number => [...spent.values()].reduce((sum, one) => sum + one, 0);
const text = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(1));

export const profileReport = (
  machine: Record<string, string | number>,
  profiles: Profile[],
  passwords: string,
): string => `# Where the time of a request goes

Made by \`npm run bench -- --profile\` of ${machine.source} with Node.js ${machine.node} on ${machine.cores} cores (${machine.cpu}), ${machine.pinning}. Time of the main thread for one
request under load, from samples of its stack; what Node.js does is charged to whoever called it. Sampling slows both servers, so the numbers are
to be compared with each other, not with [bench.md](bench.md). The more code a request passes, the less of it stays in the caches of the processor: the
same lines of the engine take longer between ours than alone.

${profiles.map(profileTable).join('\n')}
${passwords}`;
