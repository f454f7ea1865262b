// npm run bench [-- --json FILE] [--only NAME] [--seconds N] [--profile]: this server against the bare engine, in one run. Without --only it
// writes docs/reports/bench.md, or with --profile docs/reports/profile.md.
import { parseArgs } from 'node:util';
import { writeReport } from '../support/report.js';
import { compare } from './compare.js';
import { describeMachine, serverCores } from './machine.js';
import { processRows } from './process.js';
import { type Profile, profile, profileReport, profileTable } from './profile.js';
import { signInProfile, stormProfile } from './profile-passwords.js';
import { benchReport, lineOf, type Results, type Row, reached, writeJson } from './report.js';
import { scenarios } from './scenarios.js';
import { openHouse, startBare } from './servers.js';
import { passwordRows, stormRows, workerRows } from './sign-ins.js';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '8' },
    users: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '3' },
    profile: { type: 'boolean', default: false },
  },
});
if (!process.env.TEST_DATABASE_URL || !process.env.TEST_REDIS_URL) {
  console.error('TEST_DATABASE_URL and TEST_REDIS_URL must name a PostgreSQL and a Redis that may be filled');
  process.exit(2);
}
const { only } = values;
const seconds = Number(values.seconds);
const results: Results = {
  machine: { ...describeMachine(), seconds, rounds: Number(values.rounds), users: Number(values.users) },
  rows: [],
};
const wanted = (name: string) => name.includes(only);
const keep = (rows: Row[]) => {
  for (const row of rows) console.log(lineOf(row));
  results.rows.push(...rows);
};

const house = await openHouse();
Object.assign(results.machine, await house.describeStores());
for (const [name, value] of Object.entries(results.machine)) console.log(`${name}: ${value}`);
const chosen = scenarios.filter(({ name }) => wanted(name));
const profiles: Profile[] = [];
let passwords = '';
try {
  if (values.profile) {
    for (const scenario of chosen) profiles.push(await profile(scenario, house, seconds, Number(values.users)));
    if (wanted('passwords')) passwords += await signInProfile(house, seconds);
    if (wanted('storm')) passwords += `\n${await stormProfile(house, seconds)}`;
  } else {
    await measure();
    Object.assign(results.machine, await house.describeRecord());
  }
} finally {
  await house.close();
}
if (values.profile) {
  console.log(profiles.map(profileTable).join('\n'), passwords);
  if (!only) writeReport('profile', profileReport(results.machine, profiles, passwords));
  process.exit(0);
}
if (values.json) writeJson(values.json, results);
if (!only) writeReport('bench', benchReport(results));
const missed = results.rows.filter((row) => reached(row) === false);
if (missed.length > 0) console.log(`\nNot reached: ${missed.map(({ name }) => name).join('; ')}`);
process.exit(0);

async function measure(): Promise<void> {
  if (chosen.length > 0) {
    const servers = {
      bare: await startBare(house, { cores: serverCores }),
      ours: await house.start({ cores: serverCores }),
    };
    try {
      for (const scenario of chosen)
        keep(await compare(scenario, servers, { seconds, users: Number(values.users), rounds: Number(values.rounds) }));
    } finally {
      await Promise.all([servers.bare.stop(), servers.ours.stop()]);
    }
  }
  if (wanted('two workers')) keep(await workerRows(house, seconds, Number(results.machine.cores)));
  if (wanted('process')) keep(await processRows(house));
  if (wanted('passwords') || wanted('storm')) {
    results.passwords = await passwordRows(house, seconds);
    keep(results.passwords.rows);
    const [{ ours: possible }] = results.passwords.rows as [Row];
    const { rows, storm } = await stormRows(house, possible, seconds);
    results.storm = storm;
    keep(rows);
  }
}
