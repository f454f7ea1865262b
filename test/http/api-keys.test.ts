import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { limits } from '../../config/protocol.js';
import { KEY_PATTERN } from '../../src/features/api-keys/api-key.format.js';
import { AuditEvent } from '../../src/features/audit/audit-event.entity.js';
import type { Tenant } from '../../src/features/tenants/tenant.entity.js';
import { type Answer, ask, tokenWith } from '../support/api.js';
import { type HeldKey, makeAdministrator, makeApiKey, tryKey } from '../support/api-keys.js';
import { MovedClock } from '../support/clock.js';
import { startServer, type TestServer } from '../support/server.js';
import { recordStatements } from '../support/statements.js';
import { at } from '../support/tenancy.js';

const scope = 'api_keys:read api_keys:write clients:read clients:write users:read users:write';
const hour = 3600;

describe('API keys (R114 to R119)', () => {
  const clock = new MovedClock();
  let server: TestServer;
  let token: string;
  let unknown: Answer;

  beforeAll(async () => {
    server = await startServer({ overrides: { clock, limits: { apiKeyRefusals: limits.apiKeyRefusals } } });
    token = await tokenWith(server, scope);
    unknown = await tryKey(server, (await makeApiKey(server, token)).value.replace('live', 'test'));
  }, 180_000);
  afterEach(() => clock.reset());
  afterAll(() => server?.close());

  const recorded = (name: string, keyId: string) =>
    server.inside(async ({ db }) =>
      (await db.repo(AuditEvent).findBy({ name })).filter(
        ({ data }) => (data as Record<string, unknown>).api_key_id === keyId,
      ),
    );
  const reasonsOf = async ({ id }: HeldKey) =>
    (await recorded('api_key.refused', id)).map(({ data }) => (data as Record<string, unknown>).reason);
  /** Same status, same words: only the address of the request and its name differ. */
  const wordsOf = ({ status, headers, body }: Answer) => {
    const { request_id: _, ...words } = body;
    return { status, words, challenge: headers.get('www-authenticate') };
  };
  const looksUnknown = (answer: Answer) => expect(wordsOf(answer)).toEqual(wordsOf(unknown));

  describe('made', () => {
    it('is shown once, and after that by how it begins', async () => {
      const { id, value, body } = await makeApiKey(server, token);
      expect(value).toMatch(new RegExp(`^${KEY_PATTERN.source}$`));
      expect(body).toMatchObject({ kind: 'service', user_id: null, environment: 'live', scopes: ['clients:read'] });
      const read = await ask(server, token, 'get', `/api-keys/${id}`);
      const listed = await ask(server, token, 'get', '/api-keys?limit=1');
      for (const text of [JSON.stringify(read.body), JSON.stringify(listed.body)]) {
        expect(text).toContain(value.slice(0, 13));
        expect(text).not.toContain(value.slice(0, 20));
      }
      expect((listed.body.items as { id: string }[]).map((one) => one.id)).toEqual([id]);
      expect(await recorded('api_key.created', id)).toHaveLength(1);
    });

    it('is a hash in the database', async () => {
      const { id, value } = await makeApiKey(server, token);
      const [row] = await server.services.db.manager.query('SELECT * FROM api_keys WHERE id = $1', [id]);
      expect(JSON.stringify(row)).not.toContain(value.slice(13));
    });

    it('speaks for itself, and what it does is recorded as done by it', async () => {
      const { id, value } = await makeApiKey(server, token, { scopes: ['clients:write'], environment: 'test' });
      const made = await ask(server, value, 'post', '/clients', {
        client_name: 'Made by a key',
        redirect_uris: ['https://rp.example/cb'],
      });
      expect(made.status).toBe(201);
      const events = await server.inside(({ db }) =>
        db.repo(AuditEvent).findBy({ name: 'client.created', actorId: id }),
      );
      expect(events).toMatchObject([{ actorType: 'api_key', data: { api_key: { id, environment: 'test' } } }]);
      const audit = await ask(server, await tokenWith(server, 'audit:read'), 'get', `/audit-events?actor=${id}`);
      expect((audit.body.items as unknown[])[0]).toMatchObject({ actor: { type: 'api_key', id } });
    });

    it('ends in a year where nothing is said, and never only where that is said', async () => {
      const year = await makeApiKey(server, token);
      expect(Date.parse(String(year.body.expires_at)) - Date.now()).toBeGreaterThan(364 * 24 * hour * 1000);
      const never = await makeApiKey(server, token, { expires_in: null });
      expect(never.body.expires_at).toBeNull();
    });

    it.each([
      ['more than the maker holds', { scopes: ['roles:write'] }, 403, 'scope_not_held'],
      ['a scope that there is not', { scopes: ['coffee:make'] }, 422, 'invalid_request'],
      ['a scope of the installation', { scopes: ['tenants:write'] }, 403, 'scope_not_held'],
      [
        'a resource that there is not',
        { resources: [{ identifier: 'https://no.example', scopes: ['a'] }] },
        422,
        'invalid_request',
      ],
      ['a network that is none', { allowed_networks: ['10.0.0.1'] }, 422, 'invalid_request'],
      ['a network that holds no address', { allowed_networks: ['::ffff:10.0.0.0/104'] }, 422, 'invalid_request'],
      ['an end that has passed', { expires_in: -1 }, 422, 'invalid_request'],
      ['a person, where none asks', { kind: 'user' }, 403, 'not_a_person'],
      ['somebody else', { user_id: '00000000-0000-7000-8000-000000000000' }, 422, 'invalid_request'],
    ])('is refused for %s', async (_what, given, status, code) => {
      const answer = await ask(server, token, 'post', '/api-keys', { name: 'x', scopes: ['clients:read'], ...given });
      expect([answer.status, answer.body.code]).toEqual([status, code]);
    });

    it('is refused what there is only for operators, at another tenant', async () => {
      const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'scopeless', name: 'Scopeless' }));
      const there = at(server, tenant);
      const own = await tokenWith(there, 'api_keys:write');
      const answer = await ask(there, own, 'post', '/api-keys', { name: 'x', scopes: ['tenants:read'] });
      expect([answer.status, answer.body.code]).toEqual([422, 'invalid_request']);
    });
  });

  describe('shown', () => {
    it('opens what it was given, and nothing else: 403 with the scope that is missing (RFC 6750 §3.1)', async () => {
      const { value } = await makeApiKey(server, token);
      expect((await tryKey(server, value)).status).toBe(200);
      const refused = await tryKey(server, value, '/users');
      expect([refused.status, refused.body.code]).toEqual([403, 'insufficient_scope']);
      expect(refused.headers.get('www-authenticate')).toContain('scope="users:read"');
    });

    it('is no token for anything but the management API', async () => {
      const { value } = await makeApiKey(server, token);
      const userinfo = await fetch(`${server.issuer}/userinfo`, { headers: { authorization: `Bearer ${value}` } });
      expect(userinfo.status).toBe(401);
      const account = await ask(server, value, 'get', '/auth/me');
      expect(account.status).toBe(401);
    });

    it('is refused with a proof of a key, for it is bound to none, and in an address', async () => {
      const { value } = await makeApiKey(server, token);
      const dpop = await ask(server, undefined, 'get', '/clients', undefined, { authorization: `DPoP ${value}` });
      expect(dpop.status).toBe(401);
      expect((await ask(server, undefined, 'get', `/clients?access_token=${value}`)).status).toBe(400);
    });

    it('takes one statement', async () => {
      const { value } = await makeApiKey(server, token);
      await tryKey(server, value);
      const sent = recordStatements();
      const answer = await tryKey(server, value, '/clients?limit=1');
      const statements = sent.get(answer.headers.get('x-request-id') ?? '') ?? [];
      jest.restoreAllMocks();
      expect(statements.filter((name) => name.startsWith('api_key'))).toEqual(['api_keys_find']);
      expect(statements).toHaveLength(2);
    });

    it('with a wrong checksum takes none', async () => {
      const { value } = await makeApiKey(server, token);
      const wrong = `${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`;
      const sent = recordStatements();
      const answer = await tryKey(server, wrong);
      const statements = sent.get(answer.headers.get('x-request-id') ?? '') ?? [];
      jest.restoreAllMocks();
      looksUnknown(answer);
      expect(statements).toEqual([]);
    });
  });

  describe('is refused, and from outside for no reason that could be told (OWASP ASVS 5.0 V6)', () => {
    it.each<[string, (key: HeldKey) => Promise<unknown>]>([
      ['revoked', ({ id }) => ask(server, token, 'delete', `/api-keys/${id}`)],
      ['expired', async () => clock.move(2 * hour)],
    ])('once it is %s', async (reason, end) => {
      const key = await makeApiKey(server, token, { expires_in: hour });
      expect((await tryKey(server, key.value)).status).toBe(200);
      await end(key);
      looksUnknown(await tryKey(server, key.value));
      looksUnknown(await tryKey(server, key.value));
      clock.reset();
      expect(await reasonsOf(key)).toEqual([reason]);
    });

    it('where it is another tenant’s', async () => {
      const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'elsewhere', name: 'Elsewhere' }));
      const there = at(server, tenant);
      const key = await makeApiKey(server, token);
      expect((await tryKey(there, key.value)).status).toBe(401);
      const theirs = await makeApiKey(there, await tokenWith(there, 'api_keys:write clients:read'));
      expect((await tryKey(there, theirs.value)).status).toBe(200);
      looksUnknown(await tryKey(server, theirs.value));
    });

    it('where its tenant is suspended, until it is resumed', async () => {
      const tenant: Tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'resting', name: 'Resting' }));
      const there = at(server, tenant);
      const key = await makeApiKey(there, await tokenWith(there, 'api_keys:write clients:read'));
      await server.inside(({ tenants }) => tenants.suspend(tenant));
      expect((await tryKey(there, key.value)).status).toBeGreaterThanOrEqual(400);
      await server.inside(({ tenants }) => tenants.resume(tenant));
      expect((await tryKey(there, key.value)).status).toBe(200);
    });

    it('from a network that is not on its list, by either name of an address', async () => {
      const near = await makeApiKey(server, token, { allowed_networks: ['127.0.0.0/8', '::1/128'] });
      expect((await tryKey(server, near.value)).status).toBe(200);
      const far = await makeApiKey(server, token, { allowed_networks: ['203.0.113.0/24', '2001:db8::/32'] });
      looksUnknown(await tryKey(server, far.value));
      expect(await reasonsOf(far)).toEqual(['network']);
    });
  });

  describe('of a person', () => {
    it('speaks for them, and the record knows which key it was', async () => {
      const { user, token: own } = await makeAdministrator(server, 'api_keys:write clients:write');
      const key = await makeApiKey(server, own, { kind: 'user', scopes: ['clients:write'] });
      expect(key.body).toMatchObject({ kind: 'user', user_id: user.id });
      expect(
        (
          await ask(server, key.value, 'post', '/clients', {
            client_name: 'x',
            redirect_uris: ['https://rp.example/cb'],
          })
        ).status,
      ).toBe(201);
      const [event] = await server.inside(({ db }) =>
        db.repo(AuditEvent).findBy({ name: 'client.created', actorId: user.id }),
      );
      expect(event).toMatchObject({ actorType: 'user', data: { api_key: { id: key.id } } });
    });

    it('is never good for more than they may do now', async () => {
      const { user, token: own } = await makeAdministrator(server, 'api_keys:write clients:read');
      const { value } = await makeApiKey(server, own, { kind: 'user' });
      expect((await tryKey(server, value)).status).toBe(200);
      await server.inside(async ({ users }) => users.setRoles(user, []));
      expect((await tryKey(server, value)).status).toBe(403);
    });

    it.each<[string, (id: string) => Promise<unknown>]>([
      ['they are disabled', (id) => server.inside(async ({ users }) => users.disable(await users.find(id)))],
      [
        'their password is another one (what they had allowed ends with it)',
        (id) =>
          server.inside(async ({ users, passwords }) => passwords.set(await users.find(id), 'another decent phrase 8')),
      ],
      [
        'their second factors are taken away',
        (id) => server.inside(async ({ users, secondFactors }) => secondFactors.removeAll(await users.find(id))),
      ],
      ['they are deleted', (id) => server.inside(async ({ users }) => users.delete(await users.find(id)))],
    ])('ends when %s', async (_what, end) => {
      const { user, token: own } = await makeAdministrator(server, 'api_keys:write clients:read');
      const key = await makeApiKey(server, own, { kind: 'user' });
      expect((await tryKey(server, key.value)).status).toBe(200);
      await server.inside(({ users }) => users.setRoles(user, ['SUPPORT']));
      await end(user.id);
      looksUnknown(await tryKey(server, key.value));
    });

    it('is refused where their account has ended behind its back', async () => {
      const { user, token: own } = await makeAdministrator(server, 'api_keys:write clients:read');
      const key = await makeApiKey(server, own, { kind: 'user' });
      await server.services.db.manager.query('UPDATE users SET disabled_at = now() WHERE id = $1', [user.id]);
      looksUnknown(await tryKey(server, key.value));
      expect(await recorded('api_key.refused', key.id)).toMatchObject([
        { actorType: 'user', actorId: user.id, data: { user_id: user.id, reason: 'owner_ended' } },
      ]);
    });

    it('is rotated and opened to more by nobody else, and revoked by whoever may', async () => {
      const { token: own } = await makeAdministrator(server, 'api_keys:write clients:read');
      const key = await makeApiKey(server, own, { kind: 'user' });
      for (const answer of [
        await ask(server, token, 'post', `/api-keys/${key.id}/rotations`, {}),
        await ask(server, token, 'patch', `/api-keys/${key.id}`, { allowed_networks: null }),
      ])
        expect([answer.status, answer.body.code]).toEqual([403, 'key_of_another']);
      expect((await ask(server, token, 'delete', `/api-keys/${key.id}`)).status).toBe(204);
      looksUnknown(await tryKey(server, key.value));
    });
  });

  describe('nobody becomes stronger by one (R115)', () => {
    it('a key that can do more than the caller is neither changed nor rotated by them', async () => {
      const strong = await makeApiKey(server, token, { scopes: ['users:write'] });
      const weak = await tokenWith(server, 'api_keys:write clients:read');
      for (const answer of [
        await ask(server, weak, 'post', `/api-keys/${strong.id}/rotations`, {}),
        await ask(server, weak, 'patch', `/api-keys/${strong.id}`, { expires_in: null }),
      ])
        expect([answer.status, answer.body.code]).toEqual([403, 'scope_not_held']);
      const wider = await makeApiKey(server, weak);
      const answer = await ask(server, weak, 'patch', `/api-keys/${wider.id}`, { scopes: ['users:write'] });
      expect([answer.status, answer.body.code]).toEqual([403, 'scope_not_held']);
    });

    it('is not told by a repetition what was answered to a token of the person, which may be another key', async () => {
      const { token: own } = await makeAdministrator(server, scope);
      const stolen = await makeApiKey(server, own, { kind: 'user', scopes: ['api_keys:write'] });
      const repeat = (by: string) =>
        ask(server, by, 'post', '/api-keys', { name: 'Strong', scopes: ['users:write'] }, { 'idempotency-key': 'one' });
      const first = await repeat(own);
      expect([first.status, (await repeat(own)).body]).toEqual([201, first.body]);
      const refused = await repeat(stolen.value);
      expect([refused.status, refused.body.code]).toEqual([403, 'api_key_not_enough']);
    });

    it('of the tenant gets no more at a resource than the person who makes, changes or rotates it may do there', async () => {
      const trips = 'https://trips.example/api';
      const all = ['read', 'write'];
      await server.inside(async ({ resources, roles }) => {
        await resources.create({ identifier: trips, name: 'Trips', scopes: all.map((name) => ({ name })) });
        const resource_permissions = [{ resource: trips, permissions: ['read'] }];
        await roles.create({ key: 'KEEPER', name: 'Keeper', permissions: ['api_keys:write'], resource_permissions });
      });
      const { user, token: own } = await makeAdministrator(server, scope);
      await makeAdministrator(server, scope);
      const at = (...scopes: string[]) => ({ scopes: [], resources: [{ identifier: trips, scopes }] });
      const strong = await makeApiKey(server, own, at(...all));
      await server.inside(async ({ users }) => users.setRoles(await users.find(user.id), ['KEEPER']));
      const weak = await makeApiKey(server, own, at('read'));
      const attempts = [
        ['post', '/api-keys', { name: 'x', ...at(...all) }],
        ['patch', `/api-keys/${weak.id}`, { resources: at('write').resources }],
        ['patch', `/api-keys/${strong.id}`, { name: 'Mine' }],
        ['post', `/api-keys/${strong.id}/rotations`, {}],
      ] as const;
      for (const [method, path, body] of attempts) {
        const answer = await ask(server, own, method, path, body);
        expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 403, 'scope_not_held']);
      }
      const theirs = await makeApiKey(server, own, { kind: 'user', ...at(...all) });
      expect((await ask(server, own, 'post', `/api-keys/${theirs.id}/rotations`, {})).status).toBe(201);
      expect((await ask(server, own, 'delete', `/api-keys/${strong.id}`)).status).toBe(204);
    });

    it('with a key no others are made, changed or ended; itself it rotates and ends', async () => {
      const other = await makeApiKey(server, token);
      const key = await makeApiKey(server, token, { scopes: ['api_keys:write', 'clients:read'] });
      for (const answer of [
        await ask(server, key.value, 'post', '/api-keys', { name: 'more', scopes: ['clients:read'] }),
        await ask(server, key.value, 'patch', `/api-keys/${key.id}`, { expires_in: null }),
        await ask(server, key.value, 'post', `/api-keys/${other.id}/rotations`, {}),
        await ask(server, key.value, 'delete', `/api-keys/${other.id}`),
      ])
        expect([answer.status, answer.body.code]).toEqual([403, 'api_key_not_enough']);
      const rotated = await ask(server, key.value, 'post', `/api-keys/${key.id}/rotations`, {});
      expect(rotated.status).toBe(201);
      expect((await ask(server, String(rotated.body.api_key), 'delete', `/api-keys/${key.id}`)).status).toBe(204);
      looksUnknown(await tryKey(server, String(rotated.body.api_key)));
    });
  });

  describe('rotated', () => {
    const rotate = (id: string, body: object = {}) => ask(server, token, 'post', `/api-keys/${id}/rotations`, body);

    it('is good beside the one before for as long as was said, and then alone', async () => {
      const key = await makeApiKey(server, token);
      const { status, body } = await rotate(key.id, { overlap_seconds: hour });
      expect([status, body.id]).toEqual([201, key.id]);
      expect(body.api_key).not.toBe(key.value);
      for (const value of [key.value, String(body.api_key)]) expect((await tryKey(server, value)).status).toBe(200);
      clock.move(hour + 1);
      looksUnknown(await tryKey(server, key.value));
      expect((await tryKey(server, String(body.api_key))).status).toBe(200);
      expect(await reasonsOf(key)).toEqual(['rotated']);
      expect(await recorded('api_key.rotated', key.id)).toHaveLength(1);
    });

    it('with no overlap ends what was good before at once, and both where it is revoked', async () => {
      const key = await makeApiKey(server, token);
      const second = await rotate(key.id, { overlap_seconds: hour });
      const third = await rotate(key.id, { overlap_seconds: 0 });
      for (const value of [key.value, String(second.body.api_key)]) looksUnknown(await tryKey(server, value));
      const fourth = await rotate(key.id, { overlap_seconds: hour });
      await ask(server, token, 'delete', `/api-keys/${key.id}`);
      for (const { body } of [third, fourth]) looksUnknown(await tryKey(server, String(body.api_key)));
      const again = await rotate(key.id);
      expect([again.status, again.body.code]).toEqual([409, 'api_key_revoked']);
    });

    it('lives no longer for it', async () => {
      const key = await makeApiKey(server, token, { expires_in: hour });
      const { body } = await rotate(key.id, { overlap_seconds: 10 * hour });
      expect(body.expires_at).toBe(key.body.expires_at);
      clock.move(hour + 1);
      for (const value of [key.value, String(body.api_key)]) looksUnknown(await tryKey(server, value));
    });

    it('by two at once is rotated by one: what that one was given is good, and so is the one before', async () => {
      const key = await makeApiKey(server, token);
      const answers = await Promise.all(Array.from({ length: 20 }, () => rotate(key.id, { overlap_seconds: hour })));
      const won = answers.filter(({ status }) => status === 201);
      expect(won).toHaveLength(1);
      for (const { status, body } of answers.filter((one) => !won.includes(one)))
        expect([status, body.code]).toEqual([409, 'rotation_in_progress']);
      for (const value of [key.value, String(won[0]?.body.api_key)])
        expect((await tryKey(server, value)).status).toBe(200);
      expect(await recorded('api_key.rotated', key.id)).toHaveLength(1);
    });

    it('by many at once without overlap leaves exactly one that is good', async () => {
      const key = await makeApiKey(server, token);
      const answers = await Promise.all(Array.from({ length: 10 }, () => rotate(key.id, { overlap_seconds: 0 })));
      const values = [key.value, ...answers.map(({ body }) => String(body.api_key))];
      expect(new Set(values).size).toBe(11);
      const tried = await Promise.all(values.map((value) => tryKey(server, value)));
      expect(tried.filter(({ status }) => status === 200)).toHaveLength(1);
    });
  });

  describe('used', () => {
    it('is counted day by day, and says when it was used last, without a statement of the request’s own', async () => {
      const key = await makeApiKey(server, token);
      for (let round = 0; round < 3; round += 1) await tryKey(server, key.value);
      expect((await ask(server, token, 'get', `/api-keys/${key.id}`)).body.last_used_at).toBeNull();
      await server.services.apiKeyUsage.flush();
      await tryKey(server, key.value);
      await Promise.all([server.services.apiKeyUsage.flush(), server.services.apiKeyUsage.flush()]);
      const today = new Date().toISOString().slice(0, 10);
      const usage = await ask(server, token, 'get', `/api-keys/${key.id}/usage`);
      expect(usage.body).toEqual({ items: [{ day: today, requests: 4 }] });
      const { body } = await ask(server, token, 'get', `/api-keys/${key.id}`);
      expect(Date.now() - Date.parse(String(body.last_used_at))).toBeLessThan(60_000);
      const before = await ask(server, token, 'get', `/api-keys/${key.id}/usage?to=2020-01-01&from=2019-01-01`);
      expect(before.body).toEqual({ items: [] });
    });

    it('says nothing of days that there are not: 422', async () => {
      const { id } = await makeApiKey(server, token);
      for (const query of ['from=0000-01-01', 'to=0000-02-29', 'from=2026-02-29', 'to=tomorrow'])
        expect([query, (await ask(server, token, 'get', `/api-keys/${id}/usage?${query}`)).status]).toEqual([
          query,
          422,
        ]);
      expect((await ask(server, token, 'get', `/api-keys/${id}/usage?from=1970-01-01&to=9999-12-31`)).status).toBe(200);
    });

    it('is not counted where it was refused, nor where it has gone meanwhile', async () => {
      const key = await makeApiKey(server, token);
      await tryKey(server, key.value);
      await server.services.db.manager.query('DELETE FROM api_keys WHERE id = $1', [key.id]);
      await tryKey(server, key.value);
      await server.services.apiKeyUsage.flush();
      const rows = await server.services.db.manager.query('SELECT 1 FROM api_key_usage WHERE key_id = $1', [key.id]);
      expect(rows).toEqual([]);
    });
  });
});
