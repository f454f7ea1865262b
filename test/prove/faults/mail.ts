// The mail server is away, hangs or refuses; the process that sends is killed in the middle; a job cannot be done at all.
import { MailReceiver } from '../../support/mail-receiver.js';
import { administrator, type Manage, rowsOf } from '../../support/pair.js';
import { makePerson } from '../../support/party.js';
import { freePort } from '../../support/server.js';
import type { Report, Sight } from './report.js';
import { type House, isAlive, openHouse, type Stage, secondsUntil, token } from './stage.js';

const group = 'Mail and jobs';
const promise = 'requests answer as always; the outbox retries with back-off, then dead letter, visible and replayable';

interface Job {
  id: string;
  attempts: number;
  max_attempts: number;
  last_error: string | null;
  wait: number;
}

export async function mailFaults({ outside }: Stage, report: Report): Promise<void> {
  if (
    !report.wants(
      group,
      'the mail server is away, hangs, refuses, kill -9 of the process that sends, poison jobs, webhooks',
    )
  )
    return;
  const port = await freePort();
  const { databaseUrl, redisUrl } = outside;
  const environment = { MAIL_URL: `smtp://127.0.0.1:${port}` };
  const house = await openHouse({ outside: { databaseUrl, redisUrl } }, 1, environment);
  const manage = await administrator({ ...house });
  let receiver: MailReceiver | undefined;
  try {
    await report.record(group, 'the mail server is away, then comes back', promise, async (sight) => {
      await askForLink(sight, house, manage);
      await secondsUntil('two attempts', () => rests(house, 2), 20);
      const [job] = await jobs(house);
      sight.must(
        `after 2 attempts the next is due in ${job?.wait.toFixed(0)} s (${job?.last_error})`,
        (job?.wait ?? 0) > 3,
      );
      const [message] = await messages(house);
      sight.must(
        `the message is ${message?.status}, ${message?.attempts} attempts, ${message?.last_error}`,
        message?.status === 'queued',
      );
      receiver = await MailReceiver.start(port);
      await secondsUntil('it arrives', async () => receiver?.received.length === 1, 20);
      sight.must('it arrives once by itself', receiver.received.length === 1);
    });
    receiver ??= await MailReceiver.start(port);
    const there = receiver;
    await report.record(
      group,
      'the mail server hangs: it takes connections and says nothing',
      promise,
      async (sight) => {
        there.manner = 'hang';
        for (let index = 0; index < 6; index += 1) await askForLink(index === 0 ? sight : undefined, house, manage);
        const answer = await token(house);
        sight.must(
          `with 6 mails waiting a token request takes ${answer.ms.toFixed(0)} ms`,
          answer.status === 200 && answer.ms < 2_000,
        );
        await secondsUntil(
          'an attempt is given up',
          async () => (await jobs(house)).some(({ attempts, wait }) => attempts === 1 && wait > 0),
          20,
        );
        there.manner = 'accept';
        await secondsUntil('all six arrive', async () => (await jobs(house)).length === 0, 45);
        sight.must('an attempt is given up after 10 s, and all six arrive once it talks again', true);
      },
    );
    await report.record(group, 'the mail server refuses until the last attempt', promise, async (sight) => {
      there.manner = 'refuse';
      await askForLink(sight, house, manage);
      await secondsUntil('an attempt', () => rests(house, 1), 10);
      await rowsOf(
        house,
        'UPDATE graphile_worker._private_jobs SET attempts = max_attempts - 1, run_at = now() WHERE key IS NULL',
      );
      await secondsUntil('it is given up', async () => (await messages(house))[0]?.status === 'failed', 20);
      const [dead] = await jobs(house);
      sight.must(
        `given up after ${dead?.attempts} attempts (24 of them skipped by hand): the job stays with "${dead?.last_error}"`,
        dead?.attempts === dead?.max_attempts,
      );
      sight.must(
        'an error in the log says so',
        logged(house).some((line) => line.includes('"error"') && line.includes('given up')),
      );
      there.manner = 'accept';
      const before = there.received.length;
      await rowsOf(
        house,
        'SELECT 1 FROM graphile_worker.reschedule_jobs(ARRAY[$1::bigint], run_at => now(), attempts => 0)',
        dead?.id,
      );
      await secondsUntil('it arrives', async () => there.received.length === before + 1, 10);
      sight.must('asked for again, it arrives', true);
    });
    await report.record(
      group,
      'kill -9 of the process that sends, after the mail server took the mail and before anybody wrote it down',
      'lease ends, job re-runs; receivers see a stable id',
      async (sight) => {
        there.manner = 'silent_after_data';
        const before = there.received.length;
        await askForLink(sight, house, manage);
        await secondsUntil('it is taken', async () => there.received.length === before + 1, 10);
        const [member] = house.members;
        const gone = new Promise((resolve) => member?.child.once('exit', resolve));
        member?.child.kill('SIGKILL');
        await gone;
        there.manner = 'accept';
        await rowsOf(
          house,
          `UPDATE graphile_worker._private_jobs SET locked_at = now() - interval '16 minutes' WHERE locked_at IS NOT NULL`,
        );
        await house.spawn();
        house.members.shift();
        await secondsUntil('it comes again', async () => there.received.length === before + 2, 15);
        const [first, second] = there.received.slice(before).map(({ messageId }) => messageId);
        sight.must(
          `the lease of 15 minutes (moved on by hand) ends and it comes again as ${second}`,
          first === second && first !== '',
        );
      },
    );
    await report.record(
      group,
      'poison jobs: a payload no task takes, a mail whose row is damaged',
      'that thing fails closed with an alert; the process and the other jobs go on',
      async (sight) => {
        const before = there.received.length;
        await house.inside(({ db, mail }) =>
          db.transaction(async () => {
            await mail.send('account_locked', 'nobody@example.com', { until: new Date().toISOString() });
            await db.manager.query(
              `UPDATE mail_messages SET payload_sealed = overlay(payload_sealed placing 'AAAA' from 30) WHERE status = 'queued'`,
            );
          }),
        );
        await rowsOf(
          house,
          `SELECT graphile_worker.add_job('mail.send', '{"request_id":"x","data":{"nobody":1}}'::json)`,
        );
        await secondsUntil(
          'they fail',
          async () => (await jobs(house)).filter(({ attempts }) => attempts > 0).length === 2,
          20,
        );
        await askForLink(undefined, house, manage);
        await secondsUntil('a good one arrives', async () => there.received.length === before + 1, 20);
        sight.must(
          'both fail and wait for their next attempt, a good mail passes them',
          there.received.length === before + 1,
        );
        sight.must('errors in the log', logged(house).filter((line) => line.includes('"error"')).length >= 2);
        sight.must('the process stayed', isAlive(house));
      },
    );
    await report.record(group, 'a receiver of webhooks is away or hangs', promise, async (sight) =>
      sight.notThere('there are no webhooks yet'),
    );
  } finally {
    await house.close();
    await receiver?.close();
  }
}

/** Over HTTP, as an administrator. */
async function askForLink(sight: Sight | undefined, house: House, manage: Manage): Promise<void> {
  const { id } = await makePerson(house.server);
  const started = performance.now();
  const { status } = await manage(0, 'POST', `/users/${id}/password-links`);
  const ms = performance.now() - started;
  sight?.must(`asking for a link by mail: ${status} in ${ms.toFixed(0)} ms`, status === 202 && ms < 2_000);
}

const jobs = (house: House) =>
  rowsOf<Job>(
    house,
    `SELECT id::text, attempts, max_attempts, last_error, extract(epoch FROM run_at - now())::float8 AS wait
       FROM graphile_worker.jobs WHERE key IS NULL ORDER BY id`,
  );

/** The oldest job has failed so often and waits for its next attempt. */
const rests = async (house: House, attempts: number): Promise<boolean> =>
  (await jobs(house)).some((job) => job.attempts === attempts && job.wait > 0);

const messages = (house: House) =>
  rowsOf<{ status: string; attempts: number; last_error: string | null }>(
    house,
    'SELECT status, attempts, last_error FROM mail_messages ORDER BY created_at DESC LIMIT 1',
  );

const logged = (house: House): string[] => house.members.flatMap(({ log }) => log.join('').split('\n'));
