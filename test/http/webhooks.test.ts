import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { MovedClock } from '../support/clock.js';
import { asPerson, makeMember, makeOrganization } from '../support/invitations.js';
import { until } from '../support/pair.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';
import { believed, WebhookReceiver } from '../support/webhook-receiver.js';

describe('webhooks (Standard Webhooks 1.0)', () => {
  const clock = new MovedClock();
  let server: TestServer;
  let receiver: WebhookReceiver;
  let token: string;
  let count = 0;

  beforeAll(async () => {
    receiver = await WebhookReceiver.start();
    server = await startServer({ environment: { EGRESS_ALLOW: '127.0.0.1' }, overrides: { clock } });
    token = await tokenWith(server, 'webhooks:read webhooks:write audit:read users:write organizations:write');
  }, 180_000);
  afterAll(async () => {
    await server?.close();
    await receiver?.close();
  });
  let path: string;
  beforeEach(async () => {
    count += 1;
    path = `/hook-${count}`;
    await server.services.db.manager.query('DELETE FROM webhook_endpoints');
  });

  const api = (method: string, address: string, body?: unknown, headers?: Record<string, string>) =>
    ask(server, token, method, address, body, headers);
  const make = async (more: object = {}, prefix = '') => {
    const made = await api('post', `${prefix}/webhooks`, { url: receiver.url(path), events: ['user.*'], ...more });
    expect(made.status).toBe(201);
    return made.body as { id: string; secret: string; version: number };
  };
  const makeUser = () => api('post', '/users', { email: `w${Math.random().toString(36).slice(2)}@example.com` });
  const arrived = (number: number, at = path) =>
    until(`${number} messages at ${at}`, async () => receiver.at(at).length >= number, 15_000);

  describe('what is recorded is what is told', () => {
    it('signed as the standard says: the reference library believes it, and with no other secret', async () => {
      const { secret } = await make();
      const { body: user } = await makeUser();
      await arrived(1);
      const [message] = receiver.at(path);
      if (!message) throw new Error('nothing came');
      expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
      const said = believed(secret, message);
      const events = await api('get', '/audit-events?name=user.created&limit=1');
      const [event] = events.body.items as { id: string; occurred_at: string }[];
      expect(message.id).toBe(event?.id);
      expect(said).toEqual({ type: 'user.created', timestamp: event?.occurred_at, data: event });
      expect((said.data as { data: object }).data).toEqual({ user_id: user.id });
      expect(message.headers['content-type']).toBe('application/json');
      const { secret: other } = await make();
      expect(() => believed(other, message)).toThrow();
      expect(() => believed(secret, { ...message, body: `${message.body} ` })).toThrow();
    });

    it('of a change that was rolled back nothing is told', async () => {
      const { id } = await make();
      await server.inside(async ({ db, audit }) => {
        const change = db.transaction(async () => {
          await audit.record('user.created', { user_id: id });
          throw new Error('no');
        });
        await expect(change).rejects.toThrow('no');
      });
      await makeUser();
      await arrived(1);
      expect(receiver.at(path)).toHaveLength(1);
    });

    it('many at once by one statement are many messages', async () => {
      const { id } = await make();
      await server.inside(({ audit }) => audit.recordAll('user.disabled', [{ user_id: id }, { user_id: id }]));
      await arrived(2);
      expect(new Set(receiver.at(path).map((one) => one.id)).size).toBe(2);
    });

    it.each([
      ['its name', ['user.created'], true],
      ['its noun', ['client.created', 'user.*'], true],
      ['everything', ['*'], true],
      ['another event of the noun', ['user.deleted'], false],
      ['another noun', ['client.*'], false],
    ])('to whoever listens for %s', async (_what, events, comes) => {
      await make({ events });
      const beside = `${path}-beside`;
      await make({ url: receiver.url(beside) });
      await makeUser();
      await arrived(1, beside);
      const said = () => receiver.at(path).filter(({ body }) => body.includes('user.created'));
      if (comes) await until('it is told', async () => said().length > 0, 15_000);
      expect(said()).toHaveLength(comes ? 1 : 0);
    });

    it('not to one that is disabled, and of what happened meanwhile nothing is told later', async () => {
      const { id } = await make();
      expect((await api('delete', `/webhooks/${id}/enablement`)).status).toBe(204);
      await makeUser();
      expect((await api('put', `/webhooks/${id}/enablement`)).status).toBe(204);
      await makeUser();
      await arrived(1);
      expect(receiver.at(path)).toHaveLength(1);
      expect((await api('get', `/webhooks/${id}/deliveries`)).body.items).toHaveLength(1);
    });
  });

  describe('of an organization', () => {
    it('tell of what happened in it and of nothing else, and not from where', async () => {
      const [acme, other] = [await makeOrganization(server), await makeOrganization(server)];
      await make({ events: ['*'] }, `/organizations/${acme.slug}`);
      await makeUser();
      await api('patch', `/organizations/${other.slug}`, { name: 'Other' });
      await api('patch', `/organizations/${acme.slug}`, { name: 'Acme' });
      await arrived(1);
      const said = receiver.at(path).map(({ body }) => JSON.parse(body));
      expect(said.map(({ type, data }) => [type, data.data.organization_id, data.ip, data.user_agent])).toEqual([
        ['organization.updated', acme.id, null, null],
      ]);
      expect(said[0].data.actor).toMatchObject({ type: 'client' });
    });

    it('are there only', async () => {
      const [acme, other] = [await makeOrganization(server), await makeOrganization(server)];
      const { id } = await make({}, `/organizations/${acme.slug}`);
      const own = await make();
      for (const [method, address] of [
        ['get', `/webhooks/${id}`],
        ['get', `/organizations/${other.slug}/webhooks/${id}`],
        ['delete', `/organizations/${other.slug}/webhooks/${id}`],
        ['post', `/organizations/${other.slug}/webhooks/${id}/tests`],
        ['get', `/organizations/${acme.slug}/webhooks/${own.id}`],
        ['get', `/organizations/${acme.slug}/webhooks/${own.id}/deliveries`],
      ] as const)
        expect([address, (await api(method, address)).status]).toEqual([address, 404]);
      const listed = await api('get', `/organizations/${acme.slug}/webhooks`);
      expect((listed.body.items as { id: string }[]).map((one) => one.id)).toEqual([id]);
    });

    it('are its admins’ business: 403 for a member, 404 for everybody else', async () => {
      const acme = await makeOrganization(server);
      const admin = await makeMember(server, acme, 'admin');
      const member = await makeMember(server, acme, 'member');
      const outsider = await makeMember(server, await makeOrganization(server), 'owner');
      const given = { url: receiver.url(path), events: ['membership.*'] };
      const { webhook } = await asPerson(server, admin, ({ webhooks }) => webhooks.create(acme, given));
      for (const [person, refusal] of [
        [member, { status: 403, code: 'role_too_low' }],
        [outsider, { status: 404 }],
      ] as const) {
        const asked = [
          asPerson(server, person, ({ webhooks }) => webhooks.create(acme, given)),
          asPerson(server, person, ({ webhooks }) => webhooks.find(acme, webhook.id)),
          asPerson(server, person, ({ webhooks }) => webhooks.assertReads(acme)),
          asPerson(server, person, ({ webhooks }) => webhooks.rotate(acme, webhook, 0)),
          asPerson(server, person, ({ webhooks }) => webhooks.delete(acme, webhook)),
        ];
        const answers = await Promise.allSettled(asked);
        expect(answers).toMatchObject(asked.map(() => ({ status: 'rejected', reason: refusal })));
      }
    });

    it('go with it', async () => {
      const acme = await makeOrganization(server);
      const { id } = await make({}, `/organizations/${acme.slug}`);
      await server.inside(({ organizations }) => organizations.delete(acme));
      const { rows } = await server.services.db.pool.query('SELECT 1 FROM webhook_endpoints WHERE id = $1', [id]);
      expect(rows).toEqual([]);
    });
  });

  describe('their secret', () => {
    it('is shown once, and lies sealed', async () => {
      const { id, secret } = await make();
      for (const address of [`/webhooks/${id}`, '/webhooks', '/audit-events'])
        expect(JSON.stringify((await api('get', address)).body)).not.toContain(secret);
      const { rows } = await server.services.db.pool.query('SELECT * FROM webhook_endpoints WHERE id = $1', [id]);
      expect(JSON.stringify(rows)).not.toContain(secret.slice(6));
    });

    it('is exchanged without a message that nobody believes: both sign until the old one’s time is over', async () => {
      const { id, secret } = await make();
      const rotated = await api('post', `/webhooks/${id}/secrets`, {});
      expect(rotated.status).toBe(201);
      const next = String(rotated.body.secret);
      await makeUser();
      await arrived(1);
      const [message] = receiver.at(path);
      if (!message) throw new Error('nothing came');
      expect(believed(secret, message)).toEqual(believed(next, message));
      expect(message.headers['webhook-signature']?.split(' ')).toHaveLength(2);
      clock.move(25 * 3600);
      try {
        await server.inside(({ users }) => users.create({ email: 'later@example.com' }));
        await arrived(2);
        expect(receiver.at(path)[1]?.headers['webhook-signature']?.split(' ')).toHaveLength(1);
      } finally {
        clock.reset();
      }
    });

    it('ends at once where somebody else has it', async () => {
      const { id, secret } = await make();
      const rotated = await api('post', `/webhooks/${id}/secrets`, { overlap_hours: 0 });
      expect(rotated.body.previous_secret_until).toBeNull();
      await makeUser();
      await arrived(1);
      const [message] = receiver.at(path);
      if (!message) throw new Error('nothing came');
      expect(() => believed(secret, message)).toThrow();
      expect(believed(String(rotated.body.secret), message)).toMatchObject({ type: 'user.created' });
    });
  });

  describe('what an administrator says', () => {
    it.each([
      ['an address without TLS', { url: 'http://hooks.example.com/x' }],
      ['credentials in it', { url: 'https://a:b@hooks.example.com/x' }],
      ['a fragment', { url: 'https://hooks.example.com/x#y' }],
      ['another scheme', { url: 'ftp://hooks.example.com/x' }],
      ['no URL', { url: 'hooks' }],
      ['an event that is none', { events: ['user.creatd'] }],
      ['a noun that is none', { events: ['us*'] }],
      ['nothing to listen for', { events: [] }],
      ['the same twice', { events: ['user.*', 'user.*'] }],
      ['members that are none', { secret: 'whsec_x' }],
    ])('%s: 422', async (_what, more) => {
      const body = { url: receiver.url(path), events: ['user.*'], ...more };
      expect((await api('post', '/webhooks', body)).status).toBe(422);
      const { id } = await make();
      expect((await api('patch', `/webhooks/${id}`, more)).status).toBe(422);
    });

    it('is changed as RFC 7396 has it, and no newer version is overwritten', async () => {
      const { id } = await make({ description: 'Ours' });
      const changed = await api(
        'patch',
        `/webhooks/${id}`,
        { description: null, events: ['*'] },
        { 'if-match': '"1"' },
      );
      expect(changed.body).toMatchObject({ description: null, events: ['*'], version: 2 });
      expect((await api('patch', `/webhooks/${id}`, { events: ['*'] }, { 'if-match': '"1"' })).status).toBe(412);
      expect((await api('delete', `/webhooks/${id}`, undefined, { 'if-match': '"1"' })).status).toBe(412);
      expect((await api('delete', `/webhooks/${id}`)).status).toBe(204);
      expect((await api('get', `/webhooks/${id}`)).status).toBe(404);
    });

    it('is recorded', async () => {
      const { id } = await make();
      await api('patch', `/webhooks/${id}`, { events: ['*'] });
      await api('post', `/webhooks/${id}/secrets`, {});
      await api('delete', `/webhooks/${id}/enablement`);
      await api('put', `/webhooks/${id}/enablement`);
      await api('delete', `/webhooks/${id}`);
      const events = (await api('get', '/audit-events')).body.items as {
        name: string;
        data: { webhook_id?: string };
      }[];
      expect(events.filter(({ data }) => data.webhook_id === id).map(({ name }) => name)).toEqual([
        'webhook.deleted',
        'webhook.enabled',
        'webhook.disabled',
        'webhook.secret_rotated',
        'webhook.updated',
        'webhook.created',
      ]);
    });

    it('are so many and no more, of many at once too', async () => {
      const acme = await makeOrganization(server);
      const one = () =>
        api('post', `/organizations/${acme.slug}/webhooks`, { url: receiver.url(path), events: ['user.*'] });
      const refused = (await Promise.all(Array.from({ length: 13 }, one))).filter(({ status }) => status !== 201);
      expect(refused.map(({ status, body }) => [status, body.code])).toEqual(Array(3).fill([409, 'too_many_webhooks']));
    });
  });

  it('what a tenant tells is sent nowhere by somebody who may not read the audit log', async () => {
    const writer = await tokenWith(server, 'webhooks:read webhooks:write');
    const as = (method: string, address: string, body: unknown) => ask(server, writer, method, address, body);
    const elsewhere = { url: receiver.url(`${path}-elsewhere`), events: ['*'] };
    const { id } = await make({ events: ['user.created'] });
    const refused = [
      await as('post', '/webhooks', elsewhere),
      await as('patch', `/webhooks/${id}`, { url: elsewhere.url }),
      await as('patch', `/webhooks/${id}`, { events: ['*'] }),
    ];
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(Array(3).fill([403, 'scope_not_held']));
    expect((await as('patch', `/webhooks/${id}`, { description: 'Ours' })).status).toBe(200);
    const acme = await makeOrganization(server);
    expect((await as('post', `/organizations/${acme.slug}/webhooks`, elsewhere)).status).toBe(201);
  });

  it('one that is being deleted keeps no change waiting, and lets none fail', async () => {
    // Of one session nobody is beside another.
    if (defaultKind === 'embedded') return expect(server.services.db.pool.options.max).toBe(1);
    const { id } = await make({ events: ['user.*'] });
    let deleted = () => {};
    let commit = () => {};
    const gone = new Promise<void>((resolve) => {
      deleted = resolve;
    });
    const held = new Promise<void>((resolve) => {
      commit = resolve;
    });
    const deletion = server.inside(({ db }) =>
      db.transaction(async () => {
        await db.manager.query('DELETE FROM webhook_endpoints WHERE id = $1', [id]);
        deleted();
        await held;
      }),
    );
    await gone;
    const change = server
      .inside(({ audit }) => audit.record('user.updated', { user_id: 'x', changed: [] }))
      .then(() => 'recorded', String);
    const soon = await Promise.race([change, new Promise((resolve) => setTimeout(resolve, 3_000, 'waits'))]);
    commit();
    await deletion;
    expect([soon, await change]).toEqual(['recorded', 'recorded']);
  });

  describe('a test', () => {
    it('is sent to the one that is tried, whatever it listens for, and to no other', async () => {
      const { id, secret } = await make({ events: ['client.deleted'] });
      await make({ events: ['*'], url: receiver.url(`${path}-other`) });
      const tried = await api('post', `/webhooks/${id}/tests`);
      expect(tried.status).toBe(202);
      await arrived(1);
      const [message] = receiver.at(path);
      if (!message) throw new Error('nothing came');
      expect(believed(secret, message)).toMatchObject({ type: 'webhook.test', data: { data: { webhook_id: id } } });
      expect(message.id).toBe(tried.body.id);
      expect(receiver.at(`${path}-other`).filter(({ body }) => body.includes('webhook.test'))).toEqual([]);
    });

    it('of one that is disabled: 409', async () => {
      const { id } = await make();
      await api('delete', `/webhooks/${id}/enablement`);
      const tried = await api('post', `/webhooks/${id}/tests`);
      expect([tried.status, tried.body.code]).toEqual([409, 'webhook_disabled']);
    });
  });
});
