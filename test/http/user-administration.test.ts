import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encodeCursor } from '../../src/platform/pagination.js';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { lettersTo, letterTo, linkIn } from '../support/mailbox.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

interface Listed {
  id: string;
  email: string;
}

describe('people, as an administrator finds and looks after them', () => {
  let server: TestServer;
  let token: string;

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, 'users:read users:write roles:write audit:read');
  }, 180_000);
  afterAll(() => server?.close());

  const api = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    ask(server, token, method, path, body, headers);
  const make = async (email: string, name?: string): Promise<string> => {
    const { status, body } = await api('post', '/users', { email, ...(name ? { claims: { name } } : {}) });
    expect(status).toBe(201);
    return String(body.id);
  };
  const list = async (query: Record<string, string>) => {
    const { status, body } = await api('get', `/users?${new URLSearchParams(query)}`);
    expect(status).toBe(200);
    return body as { items: Listed[]; next_cursor: string | null };
  };
  const emails = async (query: Record<string, string>) => (await list(query)).items.map(({ email }) => email);
  /** A domain of its own for each rule, so that none sees the people of another. */
  const newMark = () => `m${randomUUID().slice(0, 8)}`;

  describe('the list', () => {
    it('finds by the beginning of the address or of the name, in any case', async () => {
      const mark = newMark();
      await make(`${mark}-a@example.com`, 'Zoe Zander');
      await make(`b-${mark}@example.com`, `${mark.toUpperCase()} Öztürk`);
      await make(`c-${mark}@example.com`, `Nobody ${mark}`);
      expect((await emails({ q: mark.toUpperCase() })).sort()).toEqual(
        [`b-${mark}@example.com`, `${mark}-a@example.com`].sort(),
      );
      expect(await emails({ q: `${mark} Öz` })).toEqual([`b-${mark}@example.com`]);
    });

    it.each(['%', '_', '\\', "'"])('takes %s for itself: it stands for nothing else', async (letter) => {
      const mark = newMark();
      await make(`${mark}@example.com`, `${mark}x`);
      expect(await emails({ q: `${mark}${letter}` })).toEqual([]);
    });

    it('finds by role, and tells who may come in from who may not', async () => {
      const mark = newMark();
      const [clerk, disabled] = [await make(`${mark}-1@example.com`), await make(`${mark}-2@example.com`)];
      await make(`${mark}-3@example.com`);
      const key = `CLERK_${mark}`;
      expect((await api('post', '/roles', { key, name: 'Clerk' })).status).toBe(201);
      expect((await api('put', `/users/${clerk}/roles`, { roles: [key] })).status).toBe(200);
      await api('put', `/users/${disabled}/suspension`);
      expect(await emails({ role: key })).toEqual([`${mark}-1@example.com`]);
      expect(await emails({ role: 'CLERK' })).toEqual([]);
      expect(await emails({ email: mark, state: 'disabled' })).toEqual([`${mark}-2@example.com`]);
      expect(await emails({ email: mark, state: 'active' })).toEqual([
        `${mark}-1@example.com`,
        `${mark}-3@example.com`,
      ]);
      await server.inside(async ({ users }) => users.close(await users.find(clerk), new Date(Date.now() + 1e9)));
      expect(await emails({ email: mark, state: 'closed' })).toEqual([`${mark}-1@example.com`]);
      expect(await emails({ email: mark, state: 'active' })).toEqual([`${mark}-3@example.com`]);
    });

    it.each([
      ['created_at', ['b', 'a', 'c']],
      ['-created_at', ['c', 'a', 'b']],
      ['email', ['a', 'b', 'c']],
      ['-email', ['c', 'b', 'a']],
    ])('sorted by %s, page by page: who comes meanwhile moves nobody', async (sort, order) => {
      const mark = newMark();
      for (const name of ['b', 'a', 'c']) await make(`${mark}${name}@example.com`);
      const seen: string[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < 3; page += 1) {
        const found = await list({ email: mark, sort, limit: '1', ...(cursor ? { cursor } : {}) });
        seen.push(...found.items.map(({ email }) => email));
        cursor = found.next_cursor;
        // Before what was read, wherever that is.
        await make(`${mark}${sort === 'email' ? '0' : sort === '-email' ? 'z' : 'm'}${page}@example.com`);
        if (sort === 'created_at') break;
      }
      const all = order.map((name) => `${mark}${name}@example.com`);
      if (sort !== 'created_at') expect(seen).toEqual(all);
      else {
        const rest = await list({ email: mark, sort, limit: '2', cursor: String(cursor) });
        expect([...seen, ...rest.items.map(({ email }) => email)]).toEqual(all);
      }
    });

    it.each([
      ['sort', 'password'],
      ['sort', ''],
      ['state', 'gone'],
      ['role', 'a b'],
      ['q', ''],
      ['q', 'x'.repeat(201)],
    ])('refuses %s=%s and says where', async (name, value) => {
      const { status, body } = await api('get', `/users?${new URLSearchParams({ [name]: value })}`);
      expect([status, body.errors]).toEqual([422, [expect.objectContaining({ pointer: `/${name}` })]]);
    });

    it('takes no cursor of another order', async () => {
      const mark = newMark();
      for (const name of ['a', 'b']) await make(`${mark}${name}@example.com`);
      const { next_cursor: cursor } = await list({ email: mark, limit: '1' });
      const answer = await api('get', `/users?limit=1&sort=created_at&cursor=${cursor}`);
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid_cursor']);
    });

    it.each(['a\0', 'a\ud800'])('takes no cursor with %j, which no row can hold', async (key) => {
      const answer = await api('get', `/users?sort=email&cursor=${encodeCursor(key)}`);
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid_cursor']);
    });
  });

  describe('the letter by which an address is proved', () => {
    it('is sent again, is not in the answer, and proves the address; the older link dies; who asked is recorded', async () => {
      const email = `${newMark()}@example.com`;
      const id = await make(email);
      const answer = await api('post', `/users/${id}/verification-letters`);
      expect([answer.status, answer.body]).toEqual([202, {}]);
      const older = linkIn(await letterTo(server, email, /verify-email\?token=/));
      await api('post', `/users/${id}/verification-letters`);
      const links = async () => (await lettersTo(server, email)).map(linkIn);
      while ((await links()).length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
      const newer = (await links()).find((link) => link !== older);
      const browser = new Browser();
      expect((await browser.open(older)).status).toBe(400);
      await browser.submit(await browser.open(String(newer)), {});
      expect((await api('get', `/users/${id}`)).body.email_verified).toBe(true);
      const events = await api('get', '/audit-events?name=mailbox.letter_requested');
      expect(events.body.items).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            data: { user_id: id, purpose: 'email_verification' },
            actor: { type: 'client', id: expect.any(String) },
          }),
        ]),
      );
    });

    it('is not sent where the address is proved, or nobody may come in: 409, and no letter', async () => {
      const proved = await makePerson(server);
      await api('patch', `/users/${proved.id}`, { email_verified: true });
      const before = (await lettersTo(server, proved.email)).length;
      const refused = await api('post', `/users/${proved.id}/verification-letters`);
      expect([refused.status, refused.body.code]).toEqual([409, 'already_verified']);
      const email = `${newMark()}@example.com`;
      const id = await make(email);
      await api('put', `/users/${id}/suspension`);
      const other = await api('post', `/users/${id}/verification-letters`);
      expect([other.status, other.body.code]).toEqual([409, 'user_inactive']);
      expect((await lettersTo(server, proved.email)).length).toBe(before);
      expect(await lettersTo(server, email)).toEqual([]);
    });
  });

  describe('many at once', () => {
    const bulk = (operations: unknown[], headers?: Record<string, string>, as = token) =>
      ask(server, as, 'post', '/users/bulk', { operations }, headers);
    const creating = (count: number) =>
      Array.from({ length: count }, () => ({ op: 'create', email: `${randomUUID()}@example.com` }));

    it('takes a hundred, each with its result, and not one more', async () => {
      expect((await bulk(creating(101))).status).toBe(422);
      expect((await bulk([])).status).toBe(422);
      const { status, body } = await bulk(creating(100));
      expect([status, body.succeeded, body.failed]).toEqual([200, 100, 0]);
      for (const { user_id } of (body.results as { user_id: string }[]).slice(0, 3))
        expect((await api('get', `/users/${user_id}`)).status).toBe(200);
    });

    it('does what may be done and says what may not, row by row', async () => {
      const email = `${newMark()}@example.com`;
      const person = await makePerson(server);
      const { body } = await bulk([
        { op: 'create', email },
        { op: 'create', email: email.toUpperCase() },
        { op: 'create', email: `${newMark()}@example.com`, password_hash: 'md5:abc' },
        { op: 'disable', user_id: person.id },
        { op: 'enable', user_id: person.id },
        { op: 'unlock', user_id: person.id },
        { op: 'disable', user_id: randomUUID() },
      ]);
      const results = body.results as { index: number; done: boolean; user_id?: string; error?: { code: string } }[];
      expect([body.succeeded, body.failed]).toEqual([4, 3]);
      expect(results.map(({ index, done, error }) => [index, done, error?.code])).toEqual([
        [0, true, undefined],
        [1, false, 'conflict'],
        [2, false, 'invalid_request'],
        [3, true, undefined],
        [4, true, undefined],
        [5, true, undefined],
        [6, false, 'not_found'],
      ]);
      expect(results[1]?.user_id).toBeUndefined();
    });

    it('changes nobody who has a role without roles:write (RFC 9700 §2.3)', async () => {
      const admin = await makePerson(server);
      await server.inside(({ users }) => users.setRoles(admin, ['SUPPORT']));
      const weak = await tokenWith(server, 'users:write');
      const { body } = await bulk(
        ['disable', 'enable', 'unlock'].map((op) => ({ op, user_id: admin.id })),
        {},
        weak,
      );
      expect((body.results as { error?: { code: string } }[]).map(({ error }) => error?.code)).toEqual([
        'scope_not_held',
        'scope_not_held',
        'scope_not_held',
      ]);
      expect((await api('get', `/users/${admin.id}`)).body.disabled_at).toBeNull();
    });

    it('is done once under its Idempotency-Key', async () => {
      const operations = creating(2);
      const headers = { 'idempotency-key': randomUUID() };
      const first = await bulk(operations, headers);
      const again = await bulk(operations, headers);
      expect(again.body).toEqual(first.body);
      expect(first.body.succeeded).toBe(2);
    });

    it('of two at once with the same people, both end, and each address has one account', async () => {
      const people = [await makePerson(server), await makePerson(server)];
      const [email, other] = [`${newMark()}@example.com`, `${newMark()}@example.com`];
      const operations = people.map(({ id }) => ({ op: 'disable', user_id: id }));
      const answers = await Promise.all([
        bulk([...operations, { op: 'create', email }, { op: 'create', email: other }]),
        bulk([...[...operations].reverse(), { op: 'create', email }]),
      ]);
      // Whoever came second was told row by row, or altogether where the other had not committed yet.
      for (const { status } of answers) expect([200, 409]).toContain(status);
      expect(answers.map(({ status }) => status)).toContain(200);
      expect(await emails({ email })).toEqual([email]);
      for (const { id } of people) expect((await api('get', `/users/${id}`)).body.disabled_at).not.toBeNull();
    });
  });
});
