import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SEND_TASK } from '../../src/features/mail/mail.service.js';
import { MailMessage } from '../../src/features/mail/mail-message.entity.js';
import { MailReceiver } from '../support/mail-receiver.js';
import { rowsOf, until } from '../support/pair.js';
import { type Processes, startProcesses } from '../support/processes.js';

describe('the process that sends is killed in the middle (kill -9)', () => {
  let receiver: MailReceiver;
  let house: Processes;

  beforeAll(async () => {
    receiver = await MailReceiver.start();
    house = await startProcesses(1, { MAIL_URL: `smtp://127.0.0.1:${receiver.port}` });
  }, 180_000);
  afterAll(async () => {
    await house?.close();
    await receiver?.close();
  });

  const message = () =>
    house.inside(async ({ db }) => (await db.repo(MailMessage).find({ order: { id: 'DESC' }, take: 1 }))[0]);
  /** A lease lasts 15 minutes; it is moved on by hand. */
  const endLease = () =>
    rowsOf(
      house,
      `UPDATE graphile_worker._private_jobs SET locked_at = now() - interval '16 minutes' WHERE locked_at IS NOT NULL`,
    );

  it('what nobody wrote down comes again under the same Message-ID (RFC 5322 §3.6.4); what was written down never does', async () => {
    receiver.manner = 'silent_after_data';
    await house.inside(({ mail }) => mail.send('account_deleted', 'eva@example.com', {}));
    await until('the mail server has it', async () => receiver.received.length === 1, 10_000);
    const [member] = house.members;
    const gone = new Promise((resolve) => member?.child.once('exit', resolve));
    member?.child.kill('SIGKILL');
    await gone;
    expect((await message())?.status).toBe('queued');

    receiver.manner = 'accept';
    await endLease();
    await house.spawn();
    await until('it is written down', async () => (await message())?.status === 'sent', 20_000);
    const id = (await message())?.id;
    expect(receiver.received.map(({ messageId }) => messageId)).toEqual([`<${id}@ostiary>`, `<${id}@ostiary>`]);

    // The job once more, as when a process dies between the record and the end of its job.
    await house.inside(({ jobs }) => jobs.enqueue(SEND_TASK, { message_id: id }));
    const waiting = async () =>
      rowsOf(house, 'SELECT 1 FROM graphile_worker._private_jobs WHERE key IS NULL AND attempts < max_attempts');
    await until('the job is done', async () => (await waiting()).length === 0, 20_000);
    expect(receiver.received).toHaveLength(2);
    expect(await message()).toMatchObject({ payloadSealed: null, renderedSealed: null });
  }, 180_000);
});
