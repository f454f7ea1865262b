// R131: the state of each thing the server stands on, by what is found; R132: uptime from the start.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import {
  databaseCheck,
  type Found,
  jobsCheck,
  type KeyState,
  mailCheck,
  redisCheck,
  signingKeysCheck,
  statuses,
  storageCheck,
} from '../../src/features/health/health.checks.js';
import { Health } from '../../src/features/health/health.service.js';

const secret = 'redis://operator:hunter2@10.0.0.7:6379';
const refused = () => Promise.reject(new Error(`connect ECONNREFUSED ${secret}`));
const never = () => new Promise<never>(() => {});
const folder = mkdtempSync(path.join(tmpdir(), 'health-'));
const file = path.join(folder, 'file');
writeFileSync(file, '');
const queue = (more: object) => async () => ({ due: 0, running: 0, later: 0, dead: 0, oldest: 0, ...more });
const key = (state: KeyState) => () => signingKeysCheck(async () => state);

afterAll(() => rmSync(folder, { recursive: true }));

const cases: [what: string, check: () => Promise<Found>, status: Found['status'], words: RegExp][] = [
  ['database, of a server', () => databaseCheck(async () => '17.2', false), 'healthy', /^PostgreSQL 17\.2 answers$/],
  ['database, embedded', () => databaseCheck(async () => '17.2', true), 'healthy', /^The embedded database/],
  ['database, away', () => databaseCheck(refused, false), 'misconfigured', /does not answer/],
  ['database, silent', () => databaseCheck(never, false), 'configured', /within 0\.05 s/],
  ['redis, answering', () => redisCheck(async () => 'PONG'), 'healthy', /answers/],
  ['redis, none', () => redisCheck(undefined), 'not_configured', /in memory/],
  ['redis, away', () => redisCheck(refused), 'misconfigured', /does not answer/],
  ['redis, silent', () => redisCheck(never), 'configured', /within 0\.05 s/],
  ['storage, none', () => storageCheck({}), 'not_configured', /Nothing is kept in files/],
  ['storage, there', () => storageCheck({ archive: folder }), 'healthy', /folder of the archive can be written/],
  ['storage, two', () => storageCheck({ archive: folder, database: folder }), 'healthy', /and that of the database/],
  ['storage, gone', () => storageCheck({ archive: path.join(folder, 'x') }), 'misconfigured', /is not there/],
  ['storage, a file', () => storageCheck({ database: folder, archive: file }), 'misconfigured', /archive is no folder/],
  ['mail, none in development', () => mailCheck(undefined, false), 'not_configured', /mailbox/],
  ['mail, none in production', () => mailCheck(undefined, true), 'misconfigured', /set MAIL_URL/],
  ['mail, taken', () => mailCheck(async () => 'healthy', true), 'healthy', /takes mail/],
  ['mail, refused', () => mailCheck(async () => ({ reason: 'EAUTH 535' }), true), 'misconfigured', /\(EAUTH 535\)/],
  ['mail, never asked', () => mailCheck(async () => undefined, true), 'configured', /not been asked/],
  ['mail, silent', () => mailCheck(never, true), 'configured', /within 0\.05 s/],
  ['jobs, done', () => jobsCheck(queue({})), 'healthy', /^Jobs are done$/],
  ['jobs, some of them given up', () => jobsCheck(queue({ dead: 2 })), 'healthy', /2 have failed/],
  ['jobs, waiting a little', () => jobsCheck(queue({ oldest: 299 })), 'healthy', /done/],
  ['jobs, waiting for nobody', () => jobsCheck(queue({ oldest: 300 })), 'misconfigured', /waited for 300 s/],
  ['jobs, unknown', () => jobsCheck(refused), 'misconfigured', /does not answer/],
  ['keys, open', key('open'), 'healthy', /open/],
  ['keys, none yet', key('none'), 'configured', /first use/],
  ['keys, sealed with another key', key('sealed'), 'misconfigured', /ENCRYPTION_KEYS/],
  ['keys, overdue', key('overdue'), 'misconfigured', /rotation_days/],
];

describe('what is found', () => {
  const clock = { now: () => new Date('2026-01-01T00:00:00Z') };

  it.each(cases)('%s', async (_what, check, status, words) => {
    const { one } = await new Health({ one: check }, clock, 50).look('tenant');
    expect([one?.status, one?.detail]).toEqual([status, expect.stringMatching(words)]);
    expect(JSON.stringify(one)).not.toMatch(/hunter2|operator|10\.0\.0\.7|health-/);
  });

  it('covers each status', () => {
    expect(new Set(cases.map(([, , status]) => status))).toEqual(new Set(statuses));
  });

  it('storage that may not be written is told, by whoever is not root', async () => {
    chmodSync(folder, 0o500);
    const { status } = await storageCheck({ archive: folder });
    chmodSync(folder, 0o700);
    expect(status).toBe(process.getuid?.() === 0 ? 'healthy' : 'misconfigured');
  });
});

describe('the look', () => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const clock = { now: () => new Date(now) };

  it('takes no longer than one check may, however many are silent', async () => {
    const health = new Health(Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, never])), clock, 100);
    const started = performance.now();
    const found = await health.look('tenant');
    expect(performance.now() - started).toBeLessThan(300);
    expect(Object.values(found).map(({ status }) => status)).toEqual(Array(4).fill('configured'));
  });

  it('says since when, of each tenant by itself, and counts from the start', async () => {
    let up = true;
    const health = new Health({ redis: () => redisCheck(up ? async () => 'PONG' : refused) }, clock, 50);
    const since = async (tenant: string) => (await health.look(tenant)).redis?.since.toISOString();
    expect(await since('a')).toBe('2026-01-01T00:00:00.000Z');
    now += 60_000;
    expect([await since('a'), await since('b')]).toEqual(['2026-01-01T00:00:00.000Z', '2026-01-01T00:01:00.000Z']);
    up = false;
    now += 60_000;
    expect(await since('a')).toBe('2026-01-01T00:02:00.000Z');
    expect(health.uptimeSeconds).toBe(120);
  });
});
