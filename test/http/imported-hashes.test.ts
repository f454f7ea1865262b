import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { startServer, type TestServer } from '../support/server.js';

// The test of crypt_blowfish.
const hash = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
const password = 'U*U';

describe('people who come with the hash of their password', () => {
  let server: TestServer;
  let writer: string;
  beforeAll(async () => {
    server = await startServer();
    writer = await tokenWith(server, 'users:write users:read audit:read');
  }, 180_000);
  afterAll(() => server?.close());

  it('keep their password, and the hash is never told', async () => {
    const made = await ask(server, writer, 'post', '/users', { email: 'moved@example.com', password_hash: hash });
    expect(made.status).toBe(201);
    expect(JSON.stringify(made.body)).not.toMatch(/hash|\$2a/);
    const { body } = await ask(server, writer, 'get', '/audit-events?name=password.imported');
    const [{ data }] = body.items as [{ data: object }];
    expect(data).toEqual({ user_id: made.body.id, format: 'bcrypt', weak: true });
    const outcome = await server.inside(async ({ passwords }) => passwords.verify('moved@example.com', password));
    expect(outcome).toMatchObject({ outcome: 'ok', mustChange: false });
  });

  it.each([
    ['of no known format', '5f4dcc3b5aa765d61d8327deb882cf99'],
    ['beyond the ceiling', hash.replace('$05$', '$31$')],
  ])('are refused with a hash %s', async (_what, password_hash) => {
    const { status, body } = await ask(server, writer, 'post', '/users', { email: 'no@example.com', password_hash });
    expect([status, body.errors]).toEqual([422, [expect.objectContaining({ pointer: '/password_hash' })]]);
    expect(JSON.stringify(body)).not.toContain(password_hash);
    const listed = await ask(server, writer, 'get', '/users?email=no@example.com');
    expect(listed.body.items).toEqual([]);
  });

  it('need users:write, and a change takes no hash', async () => {
    const reader = await tokenWith(server, 'users:read');
    const body = { email: 'x@example.com', password_hash: hash };
    expect((await ask(server, reader, 'post', '/users', body)).status).toBe(403);
    const { body: user } = await ask(server, writer, 'post', '/users', { email: 'y@example.com' });
    const changed = await ask(server, writer, 'patch', `/users/${user.id}`, { password_hash: hash });
    expect(changed.status).toBe(422);
  });
});
