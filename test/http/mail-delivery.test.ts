import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { mailDriver } from '../../src/features/mail/mail.driver.js';
import { MailHealthWatch } from '../../src/features/mail/mail-health.js';
import { MailMessage } from '../../src/features/mail/mail-message.entity.js';
import { newId } from '../../src/platform/crypto.js';
import { ask, tokenWith } from '../support/api.js';
import { type MailServer, startMailServer } from '../support/mail-server.js';
import { until } from '../support/pair.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

const to = 'eva@example.com';
const link = 'https://id.example.com/password?token=canary-token';

describe('mail over SMTP', () => {
  let port: number;
  let post: MailServer | undefined;
  let server: TestServer;
  let token: string;

  const open = async () => {
    post = await startMailServer(port);
    return post;
  };
  /** @returns the id of the message. */
  const send = () =>
    server.inside(async ({ mail, db }) => {
      const before = await db.repo(MailMessage).countBy({});
      await mail.send('set_password', to, { link, minutes: 60 });
      const [message] = await db.repo(MailMessage).find({ order: { id: 'DESC' }, take: 1 });
      expect(await db.repo(MailMessage).countBy({})).toBe(before + 1);
      return String(message?.id);
    });
  const stateOf = async (id: string) => (await ask(server, token, 'get', `/mail-messages/${id}`)).body;
  const becomes = (id: string, expected: object, milliseconds = 20_000) =>
    until(
      JSON.stringify(expected),
      async () => {
        const state = (await stateOf(id)) as Record<string, unknown>;
        return Object.entries(expected).every(([key, value]) => state[key] === value);
      },
      milliseconds,
    );
  const retry = (id: string) => ask(server, token, 'post', `/mail-messages/${id}/retries`);

  beforeAll(async () => {
    port = await freePort();
    server = await startServer({
      environment: { MAIL_URL: `smtp://127.0.0.1:${port}?from=hello@example.com` },
    });
    token = await tokenWith(server, 'mail:read mail:write');
  }, 180_000);
  afterEach(async () => {
    await post?.close();
    post = undefined;
  });
  afterAll(() => server?.close());

  it('arrives with both twins, a stable Message-ID and the sender of MAIL_URL', async () => {
    const { received } = await open();
    const id = await send();
    await becomes(id, { status: 'sent', attempts: 1, last_error: null });
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({
      messageId: `<${id}@ostiary>`,
      from: { address: 'hello@example.com' },
      to: [{ address: to }],
      subject: expect.stringContaining('password'),
      text: expect.stringContaining(link),
      html: expect.stringContaining(`href="${link}"`),
      attachments: [],
    });
  });

  it('a request does not wait for a mail server that is away; the mail goes out once it is back, once', async () => {
    const started = performance.now();
    const id = await send();
    expect(performance.now() - started).toBeLessThan(2_000);
    await becomes(id, { status: 'queued', attempts: 1, last_error: 'ESOCKET' });
    const { received } = await open();
    await becomes(id, { status: 'sent' });
    expect(received.map(({ messageId }) => messageId)).toEqual([`<${id}@ostiary>`]);
  }, 180_000);

  it('a server that says nothing is given up after ten seconds, and tried again', async () => {
    const silent = await listenSilently(port);
    const id = await send();
    try {
      expect((await fetch(`${server.issuer}/.well-known/openid-configuration`)).status).toBe(200);
      await becomes(id, { status: 'queued', attempts: 1, last_error: 'ETIMEDOUT' });
    } finally {
      await silent.close();
    }
    const { received } = await open();
    await becomes(id, { status: 'sent' });
    expect(received).toHaveLength(1);
  }, 50_000);

  it('what is refused for now (4yz) is tried again under the same Message-ID', async () => {
    const there = await open();
    there.refuse = 451;
    const id = await send();
    await becomes(id, { status: 'queued', attempts: 1, last_error: 'EENVELOPE 451' });
    there.refuse = undefined;
    await becomes(id, { status: 'sent', attempts: 2, last_error: null });
    expect(there.received.map(({ messageId }) => messageId)).toEqual([`<${id}@ostiary>`]);
  }, 180_000);

  it('what is refused for good (5yz) is not repeated (RFC 5321 §4.2.1), can be found, and sent again once', async () => {
    const there = await open();
    there.refuse = 550;
    const id = await send();
    await becomes(id, { status: 'failed', attempts: 1, last_error: 'EENVELOPE 550' });
    expect(there.asked).toEqual([to]);
    const list = await ask(server, token, 'get', '/mail-messages?status=failed');
    expect(list.body.items ?? list.body.data).toMatchObject([{ id, template: 'set_password', status: 'failed' }]);
    expect(JSON.stringify(list.body) + server.log.join('\n')).not.toMatch(/eva@example|canary-token/);

    there.refuse = undefined;
    const answers = await Promise.all([retry(id), retry(id), retry(id)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409]);
    await becomes(id, { status: 'sent', attempts: 2 });
    expect((await retry(id)).status).toBe(409);
    // Nor does the job send it again, should it run twice.
    await server.inside(({ mail }) => mail.deliver({ message_id: id }));
    expect(there.received.map(({ messageId }) => messageId)).toEqual([`<${id}@ostiary>`]);
  }, 180_000);

  it('only mail:write sends again, only mail:read looks', async () => {
    const [reader, writer] = [await tokenWith(server, 'mail:read'), await tokenWith(server, 'mail:write')];
    const path = `/mail-messages/${newId()}`;
    expect((await ask(server, reader, 'get', path)).status).toBe(404);
    expect((await ask(server, writer, 'get', path)).status).toBe(403);
    expect((await ask(server, reader, 'post', `${path}/retries`)).status).toBe(403);
    expect((await ask(server, writer, 'post', `${path}/retries`)).status).toBe(404);
  });
});

describe('whether mail would be taken', () => {
  const check = async (url: string) => {
    const driver = mailDriver(url, 'no-reply@example.com');
    try {
      return await driver.check();
    } finally {
      driver.close();
    }
  };

  it('is said with the code alone', async () => {
    const open = await startMailServer();
    const guarded = await startMailServer(0, 'right');
    expect(await check(`smtp://127.0.0.1:${open.port}`)).toBe('healthy');
    expect(await check(`smtp://me:right@127.0.0.1:${guarded.port}`)).toBe('healthy');
    expect(await check(`smtp://me:wrong@127.0.0.1:${guarded.port}`)).toEqual({ reason: 'EAUTH 535' });
    expect(await check(`smtp://127.0.0.1:${await freePort()}`)).toEqual({ reason: 'ESOCKET' });
    expect(await check('mailbox:')).toBe('healthy');
    expect(() => mailDriver('pigeon://x', '')).toThrow('MAIL_URL');
    await Promise.all([open.close(), guarded.close()]);
  });

  it('is asked once a minute at most, and nobody waits for the answer', async () => {
    let now = 1_000_000;
    let asked = 0;
    const watch = new MailHealthWatch(
      {
        check: async () => {
          asked += 1;
          return asked === 1 ? 'healthy' : { reason: 'ESOCKET' };
        },
      },
      { now: () => new Date(now) },
    );
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    expect(watch.look()).toBeUndefined();
    await settle();
    expect([watch.look(), watch.look(), asked]).toEqual(['healthy', 'healthy', 1]);
    now += 60_000;
    expect(watch.look()).toBe('healthy');
    await settle();
    expect([watch.look(), asked]).toEqual([{ reason: 'ESOCKET' }, 2]);
  });
});

async function listenSilently(port: number) {
  const sockets = new Set<Socket>();
  const silent: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => silent.listen(port, '127.0.0.1', resolve));
  return {
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => silent.close(() => resolve()));
    },
  };
}
