// docs/reports/scale.md, from what was measured and nothing else.
import { hardware, source } from '../../support/report.js';
import type { Backlog } from './backlog.js';
import type { Row } from './compare.js';
import { onServer } from './database.js';
import type { Counts } from './population.js';
import type { Steady } from './steady.js';

export interface Measured {
  factor: number;
  counts: Counts;
  bytes: number;
  loadSeconds: number;
  rows: Row[];
  backlog: Backlog;
  steady: Steady;
}

export const bound = 1.2;
const sizeBound = 1.3;

export const isReached = ({ rows, backlog, steady }: Measured): boolean =>
  rows.every(({ ratio, remark }) => ratio <= bound && !remark) &&
  backlog.left === 0 &&
  backlog.failures + steady.failures === 0 &&
  backlog.sweeping <= bound * backlog.quiet &&
  steady.sweeping <= bound * steady.quiet &&
  steady.ratio <= sizeBound;

export async function reportOf(measured: Measured): Promise<string> {
  const { factor, counts, bytes, loadSeconds, rows, backlog, steady } = measured;
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const times = (a: number, b: number) => `${(a / b).toFixed(2)}`;
  const megabytes = (value: number) => `${(value / 1e6).toFixed(1)} MB`;
  const good = (holds: boolean) => (holds ? 'yes' : '**no**');
  return `# As fast with a million people as with none

Made by \`npm run prove -- scale${factor === 1 ? '' : ` --factor ${factor}`}\` of ${source()}. ${await machine()}

## What there is

${number(counts.users)} users, ${number(counts.clients)} clients, ${number(counts.tenants)} tenants, ${number(counts.users * counts.tokensPerUser)} refresh tokens with a grant each, ${number(counts.users * 2)} sessions,
${number(counts.auditEvents)} audit events: ${(bytes / 1e9).toFixed(1)} GB, loaded by COPY in ${Math.round(loadSeconds)} s. One tenant has half of the people and a fifth of the clients, the others
less and less. Every row has the shape of one that the real server wrote in a sign-in at three applications; every token can be refreshed.
Indexes and constraints are taken off for loading and put back as the migrations make them, which is checked; the tables are left as vacuum
leaves them, and analysed.

## One request

Two servers, each a process of its own, on PostgreSQL and Redis: one on these tables, one on a database that holds only those who take part,
a thousand people in ten tenants. Each request is made to both, in turn, two at a time. The lists are those of the largest tenant. The password
hash of this proof is cheap (1 MiB, one pass) and limits by address are wide: all else is the server as it is. p95, the median of three rounds.

| | empty | full | ratio | ≤ ${bound} |
|---|---:|---:|---:|---|
${rows.map((row) => `| ${row.name}${row.remark ? ` (${row.remark})` : ''} | ${ms(row.empty)} | ${ms(row.full)} | ${row.ratio.toFixed(2)} | ${good(row.ratio <= bound)} |`).join('\n')}

## The clean-up

**Under a steady load.** ${steady.rate} refreshes a second, while time runs fifteen times as fast: access tokens and families of refresh tokens live a minute, the
sweep comes every four seconds, and so does VACUUM of the tables that autovacuum would choose by their settings. ${number(steady.refreshes)} refreshes, ${steady.failures}
failed, ${number(steady.swept)} rows swept, ${steady.vacuums} vacuums. \`engine_rows\` with its indexes is then ${megabytes(steady.table)}; the ${number(steady.liveRows)} rows in it that are still needed, copied
into a new table, are ${megabytes(steady.compact)}.

**After a backlog**, beside the full tables: ${number(backlog.rows)} rows that were due went in ${Math.round(backlog.seconds)} s of sweeping, ${number(backlog.rows / backlog.seconds)} a second, in
transactions of at most five hundred rows; ${backlog.left} were left. Requests came 30 a second all the while, ${backlog.failures} failed.

| | without | while sweeping | ratio | |
|---|---:|---:|---:|---|
| size of the table under a steady load | ${megabytes(steady.compact)} | ${megabytes(steady.table)} | ${steady.ratio.toFixed(2)} | ≤ ${sizeBound}: ${good(steady.ratio <= sizeBound)} |
| p95 of a refresh under a steady load | ${ms(steady.quiet)} | ${ms(steady.sweeping)} | ${times(steady.sweeping, steady.quiet)} | ≤ ${bound}: ${good(steady.sweeping <= bound * steady.quiet)} |
| p95 of a refresh beside the backlog | ${ms(backlog.quiet)} | ${ms(backlog.sweeping)} | ${times(backlog.sweeping, backlog.quiet)} | ≤ ${bound}: ${good(backlog.sweeping <= bound * backlog.quiet)} |

## What is kept for ever

\`src/retention.ts\` says how long each table keeps its rows. Not in it, and kept until somebody deletes them: tenants, users and their
passwords, clients and their secrets, resources, signing keys, and the audit log, which grows by what happens. Grants stay a year, ended or
not: they remember what was agreed to. Jobs that failed for good stay in the queue, to be looked at.
`;
}

const number = (value: number): string => Math.round(value).toLocaleString('en');

async function machine(): Promise<string> {
  const settings = await onServer(async (db) => {
    const { rows } = await db.query<{ name: string; value: string }>(
      `SELECT name, current_setting(name) AS value FROM pg_settings
        WHERE name IN ('server_version', 'shared_buffers', 'fsync', 'synchronous_commit') ORDER BY name`,
    );
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  });
  return `${hardware()}, shared by servers, database and client; Node.js ${process.versions.node},
PostgreSQL ${settings.server_version} with shared_buffers ${settings.shared_buffers}, fsync ${settings.fsync}.`;
}
