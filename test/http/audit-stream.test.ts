import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { listen } from '../../src/commands/webhooks-listen.js';
import { newWebhookSecret } from '../../src/features/webhooks/webhook-signature.js';
import { ask, makeManager, managementToken, tokenWith } from '../support/api.js';
import { until } from '../support/pair.js';
import { type Party, post } from '../support/party.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';
import { believed, WebhookReceiver } from '../support/webhook-receiver.js';

interface Heard {
  id: string;
  event: string;
  data: { name: string; data: Record<string, unknown> };
}

/** Somebody who listens: what they have heard, and whether it has ended. */
class Listener {
  readonly heard: Heard[] = [];
  ended = false;
  text = '';

  static async open(server: TestServer, token: string, query = '', more: Record<string, string> = {}) {
    const listener = new Listener();
    const headers = { accept: 'text/event-stream', authorization: `Bearer ${token}`, ...more };
    const response = await fetch(`${server.issuer}/api/v1/audit-events/stream${query}`, {
      headers,
      signal: listener.stop.signal,
    });
    listener.status = response.status;
    listener.headers = response.headers;
    void listener.read(response).catch(() => {
      listener.ended = true;
    });
    return listener;
  }

  status = 0;
  headers = new Headers();
  readonly stop = new AbortController();

  private async read({ body }: Response): Promise<void> {
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      this.text += chunk;
      const parts = this.text.split('\n\n');
      this.text = parts.pop() ?? '';
      for (const part of parts) {
        const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s)));
        if (fields.id) this.heard.push({ id: fields.id, event: fields.event, data: JSON.parse(fields.data) });
      }
    }
    this.ended = true;
  }

  of = (userId: string) => this.heard.filter(({ data }) => data.data.user_id === userId);
}

describe('the audit log as it happens (HTML Living Standard §9.2)', () => {
  let server: TestServer;
  let manager: Party;
  let token: string;
  const open: Listener[] = [];

  beforeAll(async () => {
    server = await startServer();
    manager = await makeManager(server, 'audit:read');
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    token = await managementToken(server, manager, 'audit:read');
  });
  afterEach(async () => {
    for (const one of open.splice(0)) one.stop.abort();
    await new Promise((resolve) => setTimeout(resolve, 100));
  });

  const listener = async (query?: string, headers?: Record<string, string>) => {
    const one = await Listener.open(server, token, query, headers);
    open.push(one);
    return one;
  };
  const record = (user_id: string) => server.inside(({ audit }) => audit.record('user.created', { user_id }));

  it('tells what an administrator reads in the log, each event once, oldest first', async () => {
    const one = await listener();
    expect([one.status, one.headers.get('content-type'), one.headers.get('cache-control')]).toEqual([
      200,
      'text/event-stream',
      'no-store',
    ]);
    for (const id of ['a', 'b', 'c']) await record(id);
    await until('heard', async () => one.of('c').length > 0, 10_000);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const said = one.heard.filter(({ event }) => event === 'user.created');
    expect(said.map(({ data }) => data.data.user_id)).toEqual(['a', 'b', 'c']);
    const list = await ask(server, token, 'get', '/audit-events?name=user.created&limit=1');
    expect(said.at(-1)?.data).toEqual((list.body.items as unknown[])[0]);
  });

  it('tells what a long transaction recorded, though others were told since', async () => {
    // Of one session nobody is overtaken.
    if (defaultKind === 'embedded') return expect(server.services.db.pool.options.max).toBe(1);
    const one = await listener();
    let commit = () => {};
    const held = new Promise<void>((resolve) => {
      commit = resolve;
    });
    const long = server.inside(({ db, audit }) =>
      db.transaction(async () => {
        await audit.record('user.created', { user_id: 'late' });
        await held;
      }),
    );
    await record('soon');
    await until('heard', async () => one.of('soon').length > 0, 10_000);
    expect(one.of('late')).toEqual([]);
    commit();
    await long;
    await until('heard', async () => one.of('late').length > 0, 10_000);
  });

  it('goes on where a listener left off (§9.2.6): nothing is missed', async () => {
    const first = await listener();
    await record('before');
    await until('heard', async () => first.of('before').length > 0, 10_000);
    const last = first.of('before')[0]?.id ?? '';
    first.stop.abort();
    for (const id of ['gap-1', 'gap-2']) await record(id);
    const second = await listener('', { 'last-event-id': last });
    await until('heard', async () => second.of('gap-2').length > 0, 10_000);
    expect(second.of('gap-1')).toHaveLength(1);
    expect(second.of('before')).toEqual([]);
  });

  it('tells of what was asked for alone', async () => {
    const one = await listener('?event=client.*&event=user.deleted');
    await record('x');
    await server.inside(({ audit }) => audit.record('client.disabled', { client_id: 'y' }));
    await server.inside(({ audit }) => audit.record('user.deleted', { user_id: 'z' }));
    await until('heard', async () => one.of('z').length > 0, 10_000);
    expect(one.heard.map(({ event }) => event)).toEqual(['client.disabled', 'user.deleted']);
  });

  it('tells nothing of another tenant', async () => {
    const other = await server.inside(({ tenants }) => tenants.create({ slug: 'other', name: 'Other' }));
    const one = await listener();
    const { withContext } = await import('../../src/platform/context.js');
    await withContext({ tenantId: other.id }, () =>
      server.services.audit.record('user.created', { user_id: 'theirs' }),
    );
    await record('ours');
    await until('heard', async () => one.of('ours').length > 0, 10_000);
    expect(one.of('theirs')).toEqual([]);
  });

  it('ends when the token does', async () => {
    const one = await listener();
    const { clientId, clientSecret } = manager;
    const revoked = await post(server, '/revoke', { clientId, clientSecret } as Party, { token });
    expect(revoked.status).toBe(200);
    await until('ended', async () => one.ended, 15_000);
  });

  it.each([
    ['no token', {}, 401],
    ['who takes anything', { accept: '*/*' }, 406],
    ['an id that is none', { 'last-event-id': 'x' }, 400],
  ])('%s is refused before anything is said', async (_what, headers, status) => {
    const bearer: Record<string, string> = status === 401 ? {} : { authorization: `Bearer ${token}` };
    const all = { accept: 'text/event-stream', ...bearer, ...headers } as Record<string, string>;
    const response = await fetch(`${server.issuer}/api/v1/audit-events/stream`, { headers: all });
    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
    await response.text();
  });

  it('a token without the scope is refused', async () => {
    const other = await tokenWith(server, 'users:read');
    const headers = { accept: 'text/event-stream', authorization: `Bearer ${other}` };
    const response = await fetch(`${server.issuer}/api/v1/audit-events/stream`, { headers });
    expect(response.status).toBe(403);
    await response.text();
  });

  it('so many listen and no more, and who leaves makes room', async () => {
    const many = await Promise.all(Array.from({ length: 11 }, () => listener()));
    expect(many.map(({ status }) => status).sort()).toEqual([...Array(10).fill(200), 429]);
    for (const one of many) one.stop.abort();
    await until(
      'room',
      async () => {
        const one = await listener();
        if (one.status === 200) return true;
        await new Promise((resolve) => setTimeout(resolve, 100));
        return false;
      },
      10_000,
    );
  });

  it('whoever has gone before the answer began keeps no place', async () => {
    const { port, host, hostname } = new URL(server.issuer);
    const lines = [
      'GET /api/v1/audit-events/stream?event=nothing.happened HTTP/1.1',
      `host: ${host}`,
      `authorization: Bearer ${token}`,
      'accept: text/event-stream',
    ];
    for (let n = 0; n < 20; n += 1) {
      const socket = connect(Number(port), hostname);
      await new Promise<void>((resolve) => socket.write(`${lines.join('\r\n')}\r\n\r\n`, () => resolve()));
      socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect((await listener()).status).toBe(200);
  });

  it('`ostiary webhooks listen` forwards it to an application, signed as a webhook is', async () => {
    const receiver = await WebhookReceiver.start();
    const stop = new AbortController();
    const secret = newWebhookSecret();
    const lines: string[] = [];
    const { clientId, clientSecret } = manager;
    const where = { server: server.issuer, forward: receiver.url('/here'), events: ['user.*'] };
    const listening = listen({ ...where, clientId, clientSecret, secret }, (line) => lines.push(line), stop.signal);
    try {
      await until(
        'forwarded',
        async () => {
          await record('forwarded');
          await new Promise((resolve) => setTimeout(resolve, 300));
          return receiver.at('/here').length > 0;
        },
        15_000,
      );
      const [message] = receiver.at('/here');
      if (!message) throw new Error('nothing came');
      expect(believed(secret, message)).toMatchObject({
        type: 'user.created',
        data: { data: { user_id: 'forwarded' } },
      });
      await until('said', async () => lines.some((line) => line.includes(`${message.id} → 204`)));
      await expect(
        listen({ ...where, clientId, clientSecret: 'wrong', secret }, () => {}, stop.signal),
      ).rejects.toThrow('/token answers 401');
    } finally {
      stop.abort();
      await listening;
      await receiver.close();
    }
  });

  it('ends when the server stops, at once', async () => {
    const short = await startServer();
    const one = await Listener.open(short, await tokenWith(short, 'audit:read'));
    expect(one.status).toBe(200);
    const started = performance.now();
    await short.close();
    expect(performance.now() - started).toBeLessThan(5_000);
    await until('ended', async () => one.ended);
  });
});
