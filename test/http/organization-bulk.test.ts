import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { organizationOf, type Signed, signedIn } from '../support/organization-house.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('many changes of members at once', () => {
  let server: TestServer;
  let token: string;
  let owner: Signed;
  let admin: Signed;

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, 'organizations:read organizations:write');
    [owner, admin] = [await signedIn(server), await signedIn(server)];
  }, 180_000);
  afterAll(() => server?.close());

  const house = () => organizationOf(server, { [owner.id]: 'owner', [admin.id]: 'admin' });
  const people = async (count: number) =>
    server.inside(async ({ users }) => {
      const made: string[] = [];
      for (let n = 0; n < count; n += 1) made.push((await users.create({ email: `${randomUUID()}@example.com` })).id);
      return made;
    });
  const bulk = (slug: string, operations: unknown[], headers?: Record<string, string>) =>
    ask(server, token, 'post', `/organizations/${slug}/members/bulk`, { operations }, headers);

  it('takes a hundred, each with its result, and not one more', async () => {
    const { slug } = await house();
    const adding = (await people(100)).map((user_id) => ({ op: 'add', user_id }));
    expect((await bulk(slug, [...adding, adding[0]])).status).toBe(422);
    expect((await bulk(slug, [])).status).toBe(422);
    const { status, body } = await bulk(slug, adding);
    expect([status, body.succeeded, body.failed]).toEqual([200, 100, 0]);
    const { rows } = await server.services.db.pool.query(
      'SELECT count(*)::int AS n FROM memberships m JOIN organizations o ON o.id = m.organization_id WHERE o.slug = $1',
      [slug],
    );
    expect(rows).toEqual([{ n: 102 }]);
  });

  it('does what may be done and says what may not, row by row, by the rules of each', async () => {
    const { slug } = await house();
    const [one, two] = await people(2);
    const { body } = await bulk(slug, [
      { op: 'add', user_id: one, role: 'admin' },
      { op: 'add', user_id: one },
      { op: 'add', user_id: randomUUID() },
      { op: 'change', user_id: one, role: 'member', permissions: ['a:b'] },
      { op: 'suspend', user_id: one, reason: 'x' },
      { op: 'resume', user_id: one },
      { op: 'remove', user_id: owner.id },
      { op: 'change', user_id: two, role: 'admin' },
      { op: 'add', user_id: two, roles: [randomUUID()] },
      { op: 'remove', user_id: one },
    ]);
    expect([body.succeeded, body.failed]).toEqual([5, 5]);
    const results = body.results as { index: number; done: boolean; error?: { status: number; code: string } }[];
    expect(results.map(({ index, done, error }) => [index, done, error?.status, error?.code])).toEqual([
      [0, true, undefined, undefined],
      [1, false, 409, 'already_member'],
      [2, false, 404, 'not_found'],
      [3, true, undefined, undefined],
      [4, true, undefined, undefined],
      [5, true, undefined, undefined],
      [6, false, 409, 'last_owner'],
      [7, false, 404, 'not_found'],
      [8, false, 422, 'invalid_request'],
      [9, true, undefined, undefined],
    ]);
    const history = await ask(server, token, 'get', `/organizations/${slug}/members/${one}/history`);
    const kinds = (history.body.items as { kind: string }[]).map(({ kind }) => kind);
    expect(kinds).toEqual(['removed', 'resumed', 'suspended', 'changed', 'joined']);
  });

  it('lets nobody climb: of an admin as one by one', async () => {
    const { slug } = await house();
    const [one] = await people(1);
    await bulk(slug, [{ op: 'add', user_id: one }]);
    const operations = [
      { op: 'change', user_id: one, role: 'owner' },
      { op: 'remove', user_id: owner.id },
      { op: 'change', user_id: admin.id, role: 'owner' },
      { op: 'change', user_id: one, role: 'admin' },
    ];
    const { body } = await admin.ask('post', `/organizations/${slug}/members/bulk`, { operations });
    const results = body.results as { error?: { code: string } }[];
    expect(results.map(({ error }) => error?.code)).toEqual([
      'rank_too_low',
      'rank_too_low',
      'rank_too_low',
      undefined,
    ]);
  });

  it('adds nobody for an admin or an owner, who would not be asked: they are invited', async () => {
    const { slug } = await house();
    const [one] = await people(1);
    for (const user_id of [one, randomUUID()]) {
      const operations = [{ op: 'add', user_id }];
      const { body } = await admin.ask('post', `/organizations/${slug}/members/bulk`, { operations });
      expect(body.results).toEqual([
        expect.objectContaining({
          done: false,
          error: expect.objectContaining({ status: 403, code: 'invite_people' }),
        }),
      ]);
    }
    expect((await ask(server, token, 'get', `/organizations/${slug}/members/${one}`)).status).toBe(404);
  });

  it('refuses what is no operation, with nothing done', async () => {
    const { slug } = await house();
    const [one] = await people(1);
    for (const wrong of [
      { op: 'promote', user_id: one },
      { op: 'suspend', user_id: one },
      { op: 'remove', user_id: one, role: 'owner' },
    ])
      expect((await bulk(slug, [{ op: 'add', user_id: one }, wrong])).status).toBe(422);
    expect((await ask(server, token, 'get', `/organizations/${slug}/members/${one}`)).status).toBe(404);
  });

  it('repeated under one key is done once', async () => {
    const { slug } = await house();
    const [one] = await people(1);
    const operations = [
      { op: 'add', user_id: one },
      { op: 'add', user_id: randomUUID() },
    ];
    const headers = { 'idempotency-key': randomUUID() };
    const answers = [await bulk(slug, operations, headers), await bulk(slug, operations, headers)];
    expect(answers.map(({ body }) => [body.succeeded, body.failed])).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  it('two at once that name the same people in another order both end', async () => {
    const { slug } = await house();
    const ids = await people(20);
    const operations = ids.map((user_id) => ({ op: 'add', user_id }));
    const answers = await Promise.all([bulk(slug, operations), bulk(slug, [...operations].reverse())]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers.map(({ body }) => Number(body.succeeded)).sort()).toEqual([0, 20]);
    expect((await makePerson(server)).id).toBeDefined();
  });
});
