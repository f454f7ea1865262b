// What was measured, for people (docs/reports/bench.md) and for programs (--json).
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Storm } from './passwords.js';
import type { PasswordReport } from './sign-ins.js';

export interface Row {
  name: string;
  unit: string;
  bare: number | null;
  ours: number;
  /** Above 1 is better than bare. */
  ratio: number | null;
  /** What the ratio should reach; of a row without one, what `ours` should stay below. */
  target: number | null;
  note?: string;
}

export interface Results {
  machine: Record<string, string | number>;
  rows: Row[];
  passwords?: PasswordReport;
  storm?: Storm;
}

export const reached = ({ ours, ratio, target }: Row): boolean | undefined =>
  target === null ? undefined : ratio === null ? ours <= target : ratio >= target;

const number = (value: number | null): string => {
  if (value === null) return '–';
  if (!Number.isFinite(value)) return '∞';
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(3);
};

const verdict = (row: Row): string => ({ true: 'yes', false: '**no**', undefined: '–' })[String(reached(row))] ?? '–';

const targetOf = ({ target, ratio, unit }: Row): string => {
  if (target === null) return '–';
  return ratio === null ? `≤ ${target} ${unit}` : `≥ ${target.toFixed(2)}`;
};

export const lineOf = (row: Row): string =>
  [row.name.padEnd(38), row.unit.padEnd(12), number(row.bare).padStart(9), number(row.ours).padStart(9)].join(' ') +
  ` ${(row.ratio === null ? '–' : row.ratio.toFixed(2)).padStart(6)}  ${targetOf(row).padEnd(10)} ${verdict(row).replaceAll('*', '')}`;

export const writeJson = (file: string, { machine, rows }: Results): void =>
  writeFileSync(path.resolve(file), `${JSON.stringify({ machine, rows }, null, 2)}\n`);

export function benchReport({ machine, rows, passwords, storm }: Results): string {
  const facts = Object.entries(machine).map(([name, value]) => `- ${name.replaceAll('_', ' ')}: ${value}`);
  return `# How fast it is

Made by \`npm run bench\`. *bare* is the engine alone, oidc-provider in one process over a plain Map, without logs, limits or a database. *ours* is
one process as production starts it, with PostgreSQL and Redis, log lines at the default level written to /dev/null; what it records is sealed in the
chain of the audit log, and told to a webhook on the core of the generator. Both have the same
algorithms (ES256), clients and client authentication, and answer the same requests in turn, so many rounds each as told below; the table has the
medians. A row named CPU counts the processor time of the server process for one request. A machine that does other work disturbs both, the rates more.

${facts.join('\n')}

| what | unit | bare | ours | ratio | target | reached |
|---|---|---|---|---|---|---|
${rows.map((row) => `| ${row.name} | ${row.unit} | ${number(row.bare)} | ${number(row.ours)} | ${row.ratio === null ? '–' : row.ratio.toFixed(2)} | ${targetOf(row)} | ${verdict(row)} |`).join('\n')}
${notes(rows)}${passwords ? passwordText(passwords) : ''}${storm ? stormText(storm) : ''}`;
}

function notes(rows: Row[]): string {
  const told = rows.filter(({ note }) => note);
  return told.length === 0 ? '' : `\n${told.map(({ name, note }) => `- ${name}: ${note}`).join('\n')}\n`;
}

function passwordText({ libraries, at80, signInCpu, capacity }: PasswordReport): string {
  const rates = Object.entries(libraries).map(
    ([name, { perSecond, cpu }]) => `| ${name} | ${number(perSecond)} | ${number(cpu)} |`,
  );
  const cores = capacity.map(
    ({ parameters, perProcess, processes, cores: all }) =>
      `| ${parameters} | ${number(1000 / perProcess)} | ${processes ?? 'none is enough'} | ${all ?? 'none is enough'} |`,
  );
  return `
## Passwords

| library, parameters | verifications/s | CPU ms each |
|---|---|---|
${rates.join('\n')}

The default parameters are t=3, m=64 MiB, p=2 (RFC 9106), the minimum t=2, m=19 MiB, p=1 (OWASP).

At 80 % of the limit of this machine, ${number(at80.arrivals)} sign-ins a second at random moments, half were answered within ${number(at80.p50)} ms
and 95 % within **${number(at80.p95)} ms**; the wait for a hashing process is in it. Beside the hash, a sign-in took ${number(signInCpu)} ms of CPU in the main process.

**200 sign-ins a second at p95 < 150 ms** need so many cores like these: people come at random, each hashing process takes one password at a time
for as long as measured above, and the fewest processes are sought with which 95 % of all wait and hash for less than 150 ms; each has a core of its own
(two lanes of one hash share it), and what the rest of a sign-in takes in the main process comes on top.

| parameters | ms a hash | hashing processes | cores |
|---|---|---|---|
${cores.join('\n')}
`;
}

function stormText({ shed, admitted, shedP95, memory, recovered }: Storm): string {
  return `
## A storm of sign-ins

Ten times the possible sign-ins arrived: ${shed} were shed with 503 and Retry-After (95 % of them knew within ${number(shedP95)} ms), ${admitted} were taken.
The main process held ${number(memory.before)} MB before and ${number(memory.most)} MB at the most. ${number(recovered)} s after the storm sign-ins were
taken and programs answered as before.
`;
}
