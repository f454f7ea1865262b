// npm run bench -- --profile, the second half: where the cores go while people sign in by password, and while ten times as many want to.
// Cores and not only the main thread, because the hash is done in other processes and both cores are what is short.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Use, watchCores } from './cores.js';
import { besideSignIns, type Observe, parameterSets, rawRate, signInRate, storm, unobserved } from './passwords.js';
import { each, microseconds, type Parts, profileOf, spentBetween } from './profile.js';
import type { House, Server } from './servers.js';

interface Phase extends Use {
  name: string;
  parts: Parts;
}

/** A server that is profiled while `work` runs; the phases that it observed are told when it has ended. */
async function watched<T>(
  name: string,
  house: House,
  work: (server: Server, observe: Observe) => Promise<T>,
): Promise<{ result: T; phases: Phase[] }> {
  const profiles = mkdtempSync(path.join(tmpdir(), 'ostiary-profile-'));
  const server = await house.start({ profiles });
  const seen: (Omit<Phase, 'parts'> & { from: number; to: number })[] = [];
  const observe: Observe = async (name, phase) => {
    const over = await watchCores(house, server);
    const from = microseconds();
    const result = await phase();
    seen.push({ name, from, to: microseconds(), ...over() });
    return result;
  };
  const result = await work(server, observe).finally(() => server.stop());
  const profile = profileOf(server.pid, profiles);
  console.log(`${name}: the profile is in ${profiles}`);
  return {
    result,
    phases: seen.map(({ from, to, ...phase }) => ({ ...phase, parts: spentBetween(profile, from, to) })),
  };
}

/** Where the time of a core goes for one sign-in, beside one hash that has the machine to itself. */
export async function signInProfile(house: House, seconds: number): Promise<string> {
  const raw = await rawRate('@node-rs/argon2', parameterSets.default, seconds);
  const { result, phases } = await watched('password sign-ins', house, (server, observe) =>
    signInRate(server, raw.perSecond, seconds, observe),
  );
  const [{ cpu, waited, elapsed, parts }] = phases as [Phase];
  const rows = [...cpu].map(
    ([name, ms]) => `| ${name} | ${name === 'hashing processes' ? ms1(raw.cpu) : '–'} | ${ms1(ms / result.count)} |`,
  );
  return `## Password sign-ins: whose the cores are

${result.perSecond.toFixed(1)} sign-ins a second, ${ms1(elapsed / result.count)} ms each; alone the hash was made ${raw.perSecond.toFixed(1)} times a second, ${ms1(1000 / raw.perSecond)} ms each. For one sign-in the
server was ready ${ms1(waited / result.count)} ms without a core.

| ms of a core, for one | hash alone | sign-in |
|---|---|---|
${rows.join('\n')}

Of the server's main thread, by part:

| µs a sign-in | |
|---|---|
${sorted(each(parts, result.count))
  .map(([part, time]) => `| ${part} | ${time.toFixed(0)} |`)
  .join('\n')}
`;
}

/** Programs alone, beside as many sign-ins as can be, and in the storm. */
export async function stormProfile(house: House, seconds: number): Promise<string> {
  const raw = await rawRate('@node-rs/argon2', parameterSets.default, seconds);
  const { result, phases } = await watched('storm', house, async (server, observe) => {
    // The hashing processes are there, and everything is compiled.
    await besideSignIns(server, raw.perSecond, seconds, unobserved);
    const beside = await besideSignIns(server, raw.perSecond, seconds, observe);
    const { alone, during } = await storm(server, raw.perSecond * 0.8, seconds, observe);
    return { alone: alone, 'sign-ins': beside, 'in the storm': during };
  });
  const order = Object.keys(result) as (keyof typeof result)[];
  const columns = order.flatMap((name) => phases.filter((phase) => phase.name === name));
  const table = (
    title: string,
    rows: [string, (number | undefined)[]][],
  ) => `| ${title} | alone | beside sign-ins, none shed | in the storm |
|---|---|---|---|
${rows.map(([name, values]) => `| ${name} | ${values.map((value) => (value === undefined ? '–' : ms1(value))).join(' | ')} |`).join('\n')}
`;
  const rate = (phase: Phase, ms: number | undefined) => ms && ms / (phase.elapsed / 1000);
  const names = [...new Set(columns.flatMap(({ parts }) => [...parts.keys()]))];
  return `## The storm: whose the cores are

Programs ask ${50 * 3} times a second, in each column alike.

${table(
  'p95, ms',
  Object.keys(result.alone).map((ask) => [ask, order.map((phase) => result[phase][ask])]),
)}
${table('ms of a core, a second', [
  ...[...(columns[0]?.cpu.keys() ?? [])].map((name): [string, (number | undefined)[]] => [
    name,
    columns.map((phase) => rate(phase, phase.cpu.get(name))),
  ]),
  ['the server, ready and without a core', columns.map((phase) => rate(phase, phase.waited))],
])}
${table(
  'main thread, ms a second',
  names
    .map((part): [string, (number | undefined)[]] => [
      part,
      columns.map((phase) => rate(phase, (phase.parts.get(part) ?? 0) / 1000)),
    ])
    .sort(([, a], [, b]) => (b.at(-1) ?? 0) - (a.at(-1) ?? 0)),
)}`;
}

const ms1 = (value: number): string => value.toFixed(1);
const sorted = (parts: Parts): [string, number][] => [...parts].sort(([, a], [, b]) => b - a);
