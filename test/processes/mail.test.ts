import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LOGOUT_TASK } from '../../src/features/logout/logout-notices.js';
import { SEND_TASK } from '../../src/features/mail/mail.service.js';
import { MailMessage } from '../../src/features/mail/mail-message.entity.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { believed, LogoutReceiver } from '../support/logout-receiver.js';
import { MailReceiver } from '../support/mail-receiver.js';
import { rowsOf, until } from '../support/pair.js';
import { type Processes, startProcesses } from '../support/processes.js';

describe('the process that sends is killed in the middle (kill -9)', () => {
  let receiver: MailReceiver;
  let application: LogoutReceiver;
  let house: Processes;

  beforeAll(async () => {
    receiver = await MailReceiver.start();
    application = await LogoutReceiver.start();
    house = await startProcesses(1, { MAIL_URL: `smtp://127.0.0.1:${receiver.port}`, EGRESS_ALLOW: '127.0.0.1' });
  }, 180_000);
  afterAll(async () => {
    await house?.close();
    await receiver?.close();
    await application?.close();
  });

  const killAll = () =>
    Promise.all(
      house.members.map(async ({ child }) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await gone;
      }),
    );

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
    await killAll();
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

  it('a logout that nobody wrote down is told again with another token (Back-Channel Logout §2.5); what was written down never is', async () => {
    const { clientId } = await house.inside(async ({ clients, users, protocol }) => {
      const { client } = await clients.create({
        redirect_uris: ['https://rp.example/cb'],
        backchannel_logout_uri: application.uri(),
        backchannel_logout_session_required: true,
      } as never);
      const { id: accountId } = await users.create({ email: 'otto@example.com' });
      application.manners.set('/logout', 'hang');
      const now = Math.floor(Date.now() / 1000);
      const authorizations = { [client.clientId]: { sid: 'its-session' } };
      const payload = { uid: 'u', accountId, loginTs: now, exp: now + 3600, authorizations };
      await protocol.sessions.save(new ProtocolRequest(), 'handle', payload);
      await protocol.sessions.endAll(accountId, 'revoked');
      return client;
    });
    await until('the application has it', async () => application.received.length === 1, 10_000);
    await killAll();
    const notice = async () => (await rowsOf<Record<string, unknown>>(house, 'SELECT * FROM logout_notices'))[0];
    expect(await notice()).toMatchObject({ status: 'queued', attempts: 0 });

    application.manners.set('/logout', 200);
    await endLease();
    await house.spawn();
    await until('it is written down', async () => (await notice())?.status === 'delivered', 20_000);
    const { issuer, members } = house;
    const ask = (path: string) => house.ask(members.length - 1, path);
    const tokens = await Promise.all(
      application.received.map(({ token }) => believed({ issuer, ask }, { clientId }, token)),
    );
    expect(tokens.map(({ claims }) => claims.sid)).toEqual(['its-session', 'its-session']);
    expect(new Set(tokens.map(({ claims }) => claims.jti)).size).toBe(2);

    const job = { notice_id: String((await notice())?.id), client_id: clientId };
    await house.inside(({ jobs }) => jobs.enqueue(LOGOUT_TASK, job));
    const waiting = async () =>
      rowsOf(house, 'SELECT 1 FROM graphile_worker._private_jobs WHERE key IS NULL AND attempts < max_attempts');
    await until('the job is done', async () => (await waiting()).length === 0, 20_000);
    expect(application.received).toHaveLength(2);
  }, 180_000);
});
