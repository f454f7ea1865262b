import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Claimed, claimDue } from '../../src/features/webhooks/webhook-claims.js';
import type { WebhookDelivery } from '../../src/features/webhooks/webhook-delivery.entity.js';
import { WebhookEndpoint } from '../../src/features/webhooks/webhook-endpoint.entity.js';
import { withContext } from '../../src/platform/context.js';
import { ask, tokenWith } from '../support/api.js';
import { MovedClock } from '../support/clock.js';
import { makeMember, makeOrganization } from '../support/invitations.js';
import { until } from '../support/pair.js';
import { startServer, type TestServer } from '../support/server.js';
import { believed, type Manner, WebhookReceiver } from '../support/webhook-receiver.js';

const TIMEOUT_MS = 3_000;

describe('messages that are not taken (Standard Webhooks 1.0, §Deliverability and reliability)', () => {
  const clock = new MovedClock();
  let server: TestServer;
  let receiver: WebhookReceiver;
  let token: string;
  let path: string;
  let count = 0;

  beforeAll(async () => {
    receiver = await WebhookReceiver.start();
    server = await startServer({
      environment: { EGRESS_ALLOW: '127.0.0.1' },
      overrides: { clock, egress: { timeoutMs: TIMEOUT_MS } },
    });
  }, 180_000);
  afterAll(async () => {
    await server?.close();
    await receiver?.close();
  });
  beforeEach(async () => {
    count += 1;
    path = `/hook-${count}`;
    receiver.most = 0;
    token = await tokenWith(server, 'webhooks:read webhooks:write');
  });
  afterEach(async () => {
    clock.reset();
    await server.services.db.manager.query('DELETE FROM webhook_endpoints');
  });

  const api = (method: string, address: string, body?: unknown) => ask(server, token, method, address, body);
  const make = (manner: Manner, at = path, owner: { id: string } | null = null) => {
    receiver.manners.set(at, manner);
    return server.inside(({ webhooks }) =>
      webhooks.create(owner as never, { url: receiver.url(at), events: owner ? ['team.*'] : ['user.*'] }),
    );
  };
  /** So many things happen. */
  const happen = (number = 1) =>
    server.inside(({ audit }) =>
      audit.recordAll(
        'user.updated',
        Array.from({ length: number }, (_, index) => ({ user_id: `${index}`, changed: [] })),
      ),
    );
  const deliveriesOf = ({ id }: { id: string }) =>
    server.inside(
      async ({ db }) =>
        (await db.manager.query('SELECT * FROM webhook_deliveries WHERE endpoint_id = $1 ORDER BY event_id', [
          id,
        ])) as (Pick<WebhookDelivery, 'status' | 'attempts' | 'log'> & { event_id: string; next_at: Date })[],
    );
  const rowOf = ({ id }: { id: string }) =>
    server.inside(({ db }) => db.repo(WebhookEndpoint).findOneBy({ id })) as Promise<WebhookEndpoint>;
  const becomes = (what: string, condition: () => Promise<boolean>, milliseconds = 20_000) =>
    until(what, condition, milliseconds);
  const lettersTo = async (email: string) =>
    (await server.inside(({ mail }) => mail.mailbox())).filter(({ to }) => to === email);

  it.each<[string, Manner, object]>([
    ['an error of theirs', 500, { status: 500, error: 'http 500', answer: 'answer 500' }],
    ['a refusal', 400, { status: 400, error: 'http 400', answer: 'answer 400' }],
    ['nothing', 'hang', { status: null, error: 'timeout', answer: '' }],
    ['a redirect, which nobody follows', 302, { status: 302, error: 'http 302', answer: 'answer 302' }],
  ])('%s: is noted with what came back, and tried again', async (_what, manner, expected) => {
    const { webhook } = await make(manner);
    await happen();
    await becomes('tried', async () => ((await deliveriesOf(webhook))[0]?.log.length ?? 0) > 0);
    const [delivery] = await deliveriesOf(webhook);
    expect(delivery).toMatchObject({ status: 'queued', attempts: 1, log: [{ attempt: 1, ...expected }] });
    expect(delivery?.log[0]?.duration_ms).toBeLessThan(TIMEOUT_MS + 2_000);
    const read = await api('get', `/webhooks/${webhook.id}/deliveries/${delivery?.event_id}`);
    expect(read.body).toMatchObject({ status: 'queued', attempts: [expected], done_at: null });
    expect(receiver.at('/elsewhere')).toEqual([]);
    receiver.manners.set(path, 204);
    clock.move(10);
    await becomes('taken', async () => (await deliveriesOf(webhook))[0]?.status === 'delivered');
    const messages = receiver.at(path);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(1);
    await becomes('forgotten', async () => (await rowOf(webhook)).failures === 0);
  });

  it('of ten megabytes that are answered a kilobyte is read and kept', async () => {
    const { webhook } = await make({ bytes: 10 * 1024 * 1024 });
    await happen();
    await becomes('taken', async () => (await deliveriesOf(webhook))[0]?.status === 'delivered');
    expect((await deliveriesOf(webhook))[0]?.log[0]?.answer).toBe('x'.repeat(1024));
  });

  it('is signed anew for each attempt: its time is that of the attempt', async () => {
    const { webhook, secret } = await make(500);
    await happen();
    await becomes('tried', async () => receiver.at(path).length === 1);
    clock.move(20);
    await becomes('tried again', async () => receiver.at(path).length === 2);
    const [first, second] = receiver.at(path);
    if (!first || !second) throw new Error('nothing came');
    expect(believed(secret, second)).toEqual(believed(secret, first));
    const [early, late] = [first, second].map(({ headers }) => Number(headers['webhook-timestamp']));
    expect((late ?? 0) - (early ?? 0)).toBeGreaterThanOrEqual(20);
    expect(webhook.id).toBeTruthy();
  });

  it('one that hangs keeps nobody waiting, and gets no more at once than five', async () => {
    await make('hang');
    const others = `${path}-others`;
    // Another destination: hosts are told apart by how they are written.
    const { webhook } = await server.inside(({ webhooks }) =>
      webhooks.create(null, { url: receiver.url(others).replace('127.0.0.1', 'localhost'), events: ['user.*'] }),
    );
    await happen(60);
    const took = await becomes('all others', async () => receiver.at(others).length >= 60);
    expect(took).toBeLessThan(15_000);
    expect(new Set(receiver.at(others).map(({ id }) => id)).size).toBe(60);
    await becomes('all noted', async () =>
      (await deliveriesOf(webhook)).every(({ status, attempts }) => status === 'delivered' && attempts === 1),
    );
    expect(receiver.most).toBeLessThanOrEqual(10);
  });

  it('after a day it is a dead letter, which is sent again when somebody asks, with the id it had', async () => {
    const { webhook } = await make(500);
    await happen();
    const only = async () => (await deliveriesOf(webhook))[0];
    // Days pass in this test: the endpoint is not to be given up, nor left alone. It may be said so after an attempt has been written down.
    const goOn = () =>
      server.services.db.manager.query(
        'UPDATE webhook_endpoints SET failing_since = NULL, resume_at = NULL WHERE failing_since IS NOT NULL OR resume_at IS NOT NULL',
      );
    for (let attempt = 1; attempt <= 11; attempt += 1) {
      await becomes(`attempt ${attempt}`, async () => {
        await goOn();
        return ((await only())?.log.length ?? 0) >= attempt;
      });
      clock.move(13 * 3600);
    }
    expect(await only()).toMatchObject({ status: 'dead', attempts: 11 });
    clock.reset();
    const dead = await api('get', `/webhooks/${webhook.id}/deliveries?status=dead`);
    const [{ id }] = dead.body.items as [{ id: string }];
    receiver.manners.set(path, 204);
    const at = `/webhooks/${webhook.id}/deliveries/${id}/replays`;
    const both = await Promise.all([api('post', at), api('post', at)]);
    // Of two who ask at once, one does it; the other comes too early, or when it was taken already and asks for it anew.
    expect(both.some(({ status }) => status === 202)).toBe(true);
    await becomes('taken', async () => {
      await goOn();
      return (await only())?.status === 'delivered';
    });
    expect(new Set(receiver.at(path).map((one) => one.id))).toEqual(new Set([id]));
    expect(await only()).toMatchObject({ log: expect.arrayContaining([expect.objectContaining({ status: 204 })]) });
  });

  it('a span of time is sent again, and what lies outside is not; of what waits nothing is', async () => {
    const { webhook } = await make(204);
    const before = clock.now();
    await happen(3);
    await becomes('taken', async () => (await deliveriesOf(webhook)).every(({ status }) => status === 'delivered'));
    const after = new Date(clock.now().getTime() + 1);
    const replay = (status: string, from: Date, to: Date) =>
      api('post', `/webhooks/${webhook.id}/replays`, { status, from: from.toISOString(), to: to.toISOString() });
    expect((await replay('dead', before, after)).body).toEqual({ deliveries: 0 });
    expect((await replay('delivered', after, new Date(after.getTime() + 1000))).body).toEqual({ deliveries: 0 });
    const done = await replay('delivered', before, after);
    expect([done.status, done.body]).toEqual([202, { deliveries: 3 }]);
    await becomes('sent again', async () => receiver.at(path).length >= 6);
    expect(new Set(receiver.at(path).map(({ id }) => id)).size).toBe(3);
  });

  it('one that fails ten times in a row is left alone, and then asked with one message at a time', async () => {
    const { webhook } = await make(500);
    await happen(25);
    await becomes('ten failures', async () => (await rowOf(webhook)).failures >= 10);
    // Those that were on their way when the tenth had failed still come.
    await becomes('nothing under way', async () => {
      const before = receiver.at(path).length;
      await new Promise((resolve) => setTimeout(resolve, 500));
      return receiver.at(path).length === before;
    });
    const { failures, resumeAt } = await rowOf(webhook);
    expect(resumeAt?.getTime()).toBeGreaterThan(clock.now().getTime());
    const asked = receiver.at(path).length;
    expect(asked).toBeLessThan(25);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(receiver.at(path).length).toBe(asked);
    receiver.most = 0;
    clock.move(1000);
    await becomes('asked again', async () => receiver.at(path).length > asked);
    await becomes('counted', async () => (await rowOf(webhook)).failures > failures);
    expect(receiver.most).toBe(1);
    receiver.manners.set(path, 204);
    clock.move(2000);
    // Time goes on: one that took too long on a busy machine is tried again.
    await becomes('all of them', async () => {
      clock.move(1);
      return (await deliveriesOf(webhook)).every(({ status }) => status === 'delivered');
    });
    expect(server.log.filter((line) => line.includes('could not be sent'))).toEqual([]);
    await becomes('forgotten', async () => (await rowOf(webhook)).failures === 0);
    expect(await rowOf(webhook)).toMatchObject({ failures: 0, failingSince: null, resumeAt: null });
  });

  describe('nothing is sent any more', () => {
    const administrator = async () => {
      const email = `admin-${Math.random().toString(36).slice(2)}@example.com`;
      await server.services.db.manager.query(`UPDATE users SET roles = '{}'`);
      await server.inside(async ({ users, db }) => {
        const { id } = await users.create({ email });
        await db.manager.query(`UPDATE users SET roles = '{ADMIN}', email_verified = true WHERE id = $1`, [id]);
      });
      return email;
    };

    it('to one that is gone (RFC 9110 §15.5.11), and administrators are told', async () => {
      const email = await administrator();
      const { webhook } = await make(410);
      await happen(2);
      await becomes('disabled', async () => (await rowOf(webhook)).enabledAt === null);
      expect(await rowOf(webhook)).toMatchObject({ disabledReason: 'gone' });
      await becomes('a letter', async () => (await lettersTo(email)).length > 0);
      const [letter] = await lettersTo(email);
      expect(letter?.text).toContain(new URL(receiver.url()).host);
      expect(letter?.text).toContain('410');
      expect(await lettersTo(email)).toHaveLength(1);
    });

    it('to one that took nothing for five days, and what waits is sent when it is enabled again', async () => {
      const email = await administrator();
      const { webhook } = await make(500);
      await happen(1);
      await becomes('tried', async () => (await rowOf(webhook)).failures > 0);
      clock.move(5 * 86_400);
      await becomes('disabled', async () => (await rowOf(webhook)).enabledAt === null);
      expect(await rowOf(webhook)).toMatchObject({ disabledReason: 'failing' });
      await becomes('a letter', async () => (await lettersTo(email)).length > 0);
      const asked = receiver.at(path).length;
      receiver.manners.set(path, 204);
      clock.move(86_400);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(receiver.at(path)).toHaveLength(asked);
      await server.inside(({ webhooks }) => webhooks.enable(null, webhook));
      await becomes('taken', async () => (await deliveriesOf(webhook))[0]?.status === 'delivered');
    });

    it('of an organization’s the organization’s managers are told', async () => {
      const acme = await makeOrganization(server);
      const owner = await makeMember(server, acme, 'owner');
      const member = await makeMember(server, acme, 'member');
      await server.services.db.manager.query('UPDATE users SET email_verified = true');
      const { webhook } = await make(410, path, acme);
      await server.inside(({ teams }) => teams.create(acme, { slug: 'sales', name: 'Sales' }));
      await becomes('disabled', async () => (await rowOf(webhook)).enabledAt === null);
      await becomes('a letter', async () => (await lettersTo(owner.email)).length > 0);
      expect(await lettersTo(member.email)).toEqual([]);
    });

    it('of a tenant or an organization that is suspended, until it is resumed', async () => {
      const acme = await makeOrganization(server);
      const { webhook } = await make(204, path, acme);
      await server.inside(({ organizations }) => organizations.suspend(acme, 'unpaid'));
      await server.inside(({ audit }) =>
        audit.record('team.deleted', { organization_id: acme.id, team_id: acme.id, slug: 'x' }),
      );
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(await deliveriesOf(webhook)).toMatchObject([{ status: 'queued', attempts: 0 }]);
      await server.inside(async ({ organizations }) => organizations.resume(await organizations.find(acme.id)));
      await becomes('taken', async () => (await deliveriesOf(webhook))[0]?.status === 'delivered');
    });
  });

  it('whoever dies while sending loses nothing: another one sends it a minute later, with the same id', async () => {
    const { webhook } = await make(204);
    // Taken by a process that says nothing any more.
    await server.inside(async ({ db, audit, webhookSender }) => {
      await webhookSender.stop();
      await audit.record('user.updated', { user_id: 'x', changed: [] });
      const taken = await claimDue(db, clock.now(), 50, []);
      expect(taken).toMatchObject([{ endpoint_id: webhook.id, attempt: 1 }]);
      expect(await claimDue(db, clock.now(), 50, [])).toEqual([]);
      clock.move(61);
      const again = await claimDue(db, clock.now(), 50, []);
      expect(again.map(({ event_id, attempt }) => [event_id, attempt])).toEqual([[taken[0]?.event_id, 2]]);
    });
  });

  describe('who shares a sender with others', () => {
    const events = (number: number, organization_id?: string) =>
      server.inside(({ audit }) =>
        audit.recordAll(
          'team.deleted',
          Array.from({ length: number }, () => ({
            organization_id: organization_id ?? 'none',
            team_id: 'x',
            slug: 'x',
          })),
        ),
      );
    const to = (url: string, owner: { id: string } | null = null) =>
      server.inside(({ webhooks }) => webhooks.create(owner as never, { url, events: ['team.*'] }));
    const claim = (room: number, underWay: Claimed[] = []) =>
      server.inside(({ db }) => claimDue(db, clock.now(), room, underWay));
    const countOf = (claimed: Claimed[], owner: string) => claimed.filter((one) => one.owner === owner).length;
    beforeEach(() => server.services.webhookSender.stop());

    it('finds a place beside a tenant and an organization with long queues and slow receivers', async () => {
      const greedy = await makeOrganization(server);
      const modest = await makeOrganization(server);
      for (let n = 0; n < 9; n += 1) await to(`https://slow-${n}.example.com`, greedy);
      await to('https://one.example.com', modest);
      await events(40, greedy.id);
      const first = await claim(50);
      expect([countOf(first, greedy.id), countOf(first, modest.id)]).toEqual([15, 0]);
      await events(1, modest.id);
      const then = await claim(50 - first.length, first);
      expect(then.map(({ owner }) => owner)).toEqual([modest.id]);

      const { tenants } = server.services;
      const other = await tenants.create({ slug: `other-${count}`, name: 'Other' });
      for (let n = 0; n < 10; n += 1) await to(`https://tenant-${n}.example.com`);
      await events(40);
      const all = [...first, ...then, ...(await claim(50, [...first, ...then]))];
      expect(all).toHaveLength(25);
      await withContext({ tenantId: other.id }, async () => {
        const { webhooks, audit } = server.services;
        await webhooks.create(null, { url: 'https://quiet.example.com', events: ['role.*'] });
        await audit.record('role.created', { role: 'x' });
      });
      expect((await claim(1, all)).map(({ tenant_id }) => tenant_id)).toEqual([other.id]);
    });

    it('calls one destination five times at once, however its host is written', async () => {
      for (const url of [
        'https://example.com/a',
        'https://EXAMPLE.com/b',
        'HTTPS://example.com:443/c',
        'https://example.com./d',
      ])
        await to(url);
      await events(5);
      const first = await claim(50);
      expect(first).toHaveLength(5);
      expect(await claim(45, first)).toEqual([]);
    });
  });
});
