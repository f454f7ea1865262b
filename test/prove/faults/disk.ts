// No room left: under Postgres, under the embedded database, under the log.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asDefaultTenant, start } from '../../../src/main.js';
import { OwnPostgres } from '../../support/own-servers.js';
import { makeClient, type Party } from '../../support/party.js';
import { askPort, launch } from '../../support/processes.js';
import { cheapHashing, freePort, type TestServer, testConfig } from '../../support/server.js';
import type { Report, Sight } from './report.js';
import { type Answer, form, isAlive, openHouse, type Stage, secondsUntil, statuses, timed, token } from './stage.js';

const group = 'Disk full';
const promise = 'that thing fails closed with an alert; the process stays';

export async function diskFaults({ outside }: Stage, report: Report): Promise<void> {
  const { databaseUrl, redisUrl } = outside;
  await report.record(group, 'under Postgres', `${promise}; back when there is room`, (sight) =>
    onSmallDisk(sight, 160, async (folder) => {
      const small = ['max_wal_size=32MB', 'min_wal_size=32MB'];
      const postgres = await OwnPostgres.start(small, folder);
      const house = await openHouse({ outside: { databaseUrl: postgres.url(), redisUrl } });
      try {
        await token(house);
        const emptyAgain = fill(folder);
        const answers: Answer[] = [];
        for (let index = 0; index < 2_000 && answers.filter(({ status }) => status !== 200).length < 50; index += 1)
          answers.push(await token(house));
        const refused = answers.filter(({ status }) => status !== 200);
        sight.must(
          `token requests: ${statuses(answers)}, refusals with Retry-After`,
          refused.length > 0 && refused.every(({ status, retryAfter }) => status === 503 && retryAfter),
        );
        sight.must('discovery 200', (await timed(() => house.ask(0, '/jwks'))).status === 200);
        sight.must('the process stayed', isAlive(house));
        emptyAgain();
        if (
          await postgres.query('SELECT 1').then(
            () => false,
            () => true,
          )
        ) {
          sight.note('Postgres had stopped itself and was started again');
          await postgres.kill();
          await postgres.start();
        }
        const seconds = await secondsUntil('tokens again', async () => (await token(house)).status === 200, 20);
        sight.must(`tokens again ${seconds.toFixed(1)} s after there was room`, seconds <= 10);
      } finally {
        await house.close().catch(() => {});
        await postgres.kill();
      }
    }),
  );
  await report.record(group, 'under the embedded database', promise, (sight) =>
    onSmallDisk(sight, 120, async (folder) => {
      const issuer = `http://localhost:${await freePort()}`;
      const settings = { ISSUER: issuer, DATA_DIR: folder, PORT: '0', COOKIE_KEYS: 'x'.repeat(64) };
      const party = await prepared(settings);
      const member = await launch(settings);
      const get = (name: string, init: RequestInit = {}) => timed(() => askPort(member.port, issuer, name, init));
      const credentials = () => get('/token', form(party, { grant_type: 'client_credentials' }));
      try {
        sight.must('it serves', (await credentials()).status === 200);
        const emptyAgain = fill(folder);
        const answers: Answer[] = [];
        for (let index = 0; index < 400; index += 1) answers.push(await credentials());
        const refused = answers.filter(({ status }) => status !== 200);
        sight.must(
          `400 token requests: ${statuses(answers)}, refusals with Retry-After`,
          refused.length > 0 && refused.every(({ status, retryAfter }) => status === 503 && retryAfter),
        );
        const discovery = await get('/.well-known/openid-configuration');
        sight.must(`discovery ${discovery.status}`, discovery.status === 200);
        emptyAgain();
        const seconds = await secondsUntil('tokens again', async () => (await credentials()).status === 200, 15);
        sight.must(`tokens again ${seconds.toFixed(1)} s after there was room`, seconds <= 10);
      } finally {
        member.child.kill('SIGKILL');
      }
    }),
  );
  await report.record(
    group,
    'under the log: each line fails to be written',
    'the process stays and answers',
    async (sight) => {
      const full = openSync('/dev/full', 'w');
      const house = await openHouse({ outside: { databaseUrl, redisUrl } });
      try {
        const member = await house.spawn({}, full);
        const answers = await Promise.all(
          Array.from({ length: 50 }, () => timed(() => house.ask(house.members.indexOf(member), '/jwks'))),
        );
        sight.must(
          `50 requests: ${statuses(answers)}`,
          answers.every(({ status }) => status === 200),
        );
        sight.must('the process stayed', isAlive(house, house.members.indexOf(member)));
      } finally {
        await house.close();
        closeSync(full);
      }
    },
  );
}

/** A client in a new embedded database, before the process that is looked at opens it. */
async function prepared(settings: Record<string, string>): Promise<Party> {
  const running = await start(testConfig(settings), { hashing: cheapHashing, logger: quiet });
  try {
    const inside: TestServer['inside'] = (work) => asDefaultTenant(running.services, () => work(running.services));
    return await makeClient(
      { issuer: String(settings.ISSUER), services: running.services, log: [], inside, close: running.close },
      {
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
      },
    );
  } finally {
    await running.close();
  }
}

const quiet = { error() {}, warn() {}, info() {}, debug() {} };

/** A file system of so many megabytes, in memory. Only root may mount one. */
async function onSmallDisk(sight: Sight, megabytes: number, work: (folder: string) => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return sight.notThere('only root can mount the small file system this needs');
  const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}M,mode=755`, 'tmpfs', folder]);
  try {
    await work(folder);
  } finally {
    execFileSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns how to make room again. */
function fill(folder: string): () => void {
  const file = path.join(folder, 'ballast');
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - 64 * 1024)));
  return () => rmSync(file);
}
