import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { limits } from '../../../config/protocol.js';
import { unavailable } from '../../../src/platform/errors.js';
import { oneKind } from '../../support/postgres.js';
import { goodPassword, type House, hidden, issuer, managementScopes, openHouse, tokenOf } from './house.js';

const email = 'ada@example.com';

describe.each(oneKind)('the first administrator (%s)', (kind) => {
  let house: House;
  let machine = 0;

  beforeAll(async () => {
    house = await openHouse(kind);
  }, 180_000);
  afterAll(() => house.close());
  beforeEach(async () => {
    for (const table of ['users', 'clients', 'one_time_tokens', 'audit_events'])
      await house.db.manager.query(`DELETE FROM ${table}`);
    machine += 1;
    house.front.ip = `203.0.113.${machine}`;
  });

  const link = async () => tokenOf(await house.inside(() => house.setup.issueLink(issuer)));
  const open = (token: string, prefix = '') => house.agent.get(`${prefix}/setup`).query({ token });
  const submit = (token: string, fields: Record<string, string> = {}, prefix = '') =>
    house.agent
      .post(`${prefix}/setup`)
      .type('form')
      .set('Origin', issuer)
      .send({ token, username: email, password: goodPassword, csrf: house.csrf.token(token), ...fields });
  const administrators = () =>
    house.db.manager.query(`SELECT email, email_verified, roles FROM users WHERE 'ADMIN' = ANY(roles)`);
  const consumed = async () => {
    const [row] = await house.db.manager.query(`SELECT consumed_at FROM one_time_tokens WHERE purpose = 'setup'`);
    return row.consumed_at !== null;
  };

  it('says how strong a password is, to its own page only, and uses nothing up', async () => {
    const token = tokenOf(await house.inside(() => house.setup.issueLink(issuer)));
    const ask = (password: string, csrf = house.csrf.token(token)) =>
      house.agent
        .post('/setup/strength')
        .type('form')
        .set('Origin', issuer)
        .send({ token, username: email, password, csrf });
    expect((await ask(goodPassword)).body).toEqual({ strength: 'strong' });
    expect((await ask(email)).body).toEqual({ strength: 'weak', problem: 'contains_email' });
    expect((await ask(goodPassword, '')).status).toBe(403);
    expect(await consumed()).toBe(false);
  });

  it('creates a verified administrator, signs nobody in, and shows the client secret once and stores it nowhere', async () => {
    const setupLink = await house.inside(() => house.setup.issueLink(issuer));
    expect(setupLink).toMatch(/^https:\/\/id\.example\.com\/setup\?token=[\w-]{43}$/);
    const token = tokenOf(setupLink);
    const form = await open(token);
    expect(form.status).toBe(200);
    expect(form.headers['referrer-policy']).toBe('no-referrer');
    expect(form.headers['cache-control']).toBe('no-store');
    expect(hidden(form.text, 'token')).toBe(token);

    const done = await submit(token, { csrf: hidden(form.text, 'csrf') ?? '' });
    expect(done.status).toBe(200);
    expect(done.headers['cache-control']).toBe('no-store');
    expect(done.headers['set-cookie']).toBeUndefined();
    expect(await administrators()).toEqual([{ email, email_verified: true, roles: ['ADMIN'] }]);
    const value = (name: string) => new RegExp(`id="value-${name}" dir="ltr">([^<]+)<`).exec(done.text)?.[1] ?? '';
    expect(value('issuer')).toBe(issuer);
    const [clientId, clientSecret] = [value('client_id'), value('client_secret')];
    const client = await house.inside(() => house.clients.find(clientId));
    expect(client.metadata).toMatchObject({
      client_name: 'Administration',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: managementScopes.join(' '),
      token_endpoint_auth_method: 'client_secret_basic',
    });
    expect(await house.inside(() => house.clients.compareSecret(clientId, clientSecret))).toBe(true);
    const signIn = await house.inside(() => house.passwords.verify(email, goodPassword));
    expect(signIn).toMatchObject({ outcome: 'ok', mustChange: false });
    const dump = JSON.stringify([
      await house.db.manager.query('SELECT * FROM audit_events'),
      await house.db.manager.query('SELECT * FROM client_secrets'),
      await house.db.manager.query('SELECT * FROM one_time_tokens'),
    ]);
    for (const secret of [clientSecret, token, goodPassword]) expect(dump).not.toContain(secret);
    const [record] = await house.events('setup.completed');
    expect(record).toMatchObject({ actorType: 'system', actorId: 'setup', ip: house.front.ip });
    expect(house.seen.every((route) => route === '/setup')).toBe(true);
  });

  it('refuses a link used twice, on the form and on the page', async () => {
    const token = await link();
    expect((await submit(token)).status).toBe(200);
    const again = await submit(token, { username: 'eve@example.com' });
    expect(again.status).toBe(400);
    expect(again.text).toContain('This link no longer works');
    expect((await open(token)).status).toBe(400);
    expect(await administrators()).toHaveLength(1);
  });

  it('uses nothing up by GET or HEAD, however often', async () => {
    const token = await link();
    for (let count = 0; count < 3; count += 1) {
      expect((await open(token)).status).toBe(200);
      expect((await house.agent.head('/setup').query({ token })).status).toBe(200);
    }
    expect(await consumed()).toBe(false);
    expect((await submit(token)).status).toBe(200);
  });

  it('refuses a link older than 30 minutes', async () => {
    const token = await link();
    house.clock.forward(30 * 60 + 1);
    expect((await open(token)).status).toBe(400);
    expect((await submit(token)).status).toBe(400);
    expect(await administrators()).toEqual([]);
  });

  it('refuses an older link once a newer one was issued', async () => {
    const [older, newer] = [await link(), await link()];
    expect((await submit(older)).status).toBe(400);
    expect((await submit(newer)).status).toBe(200);
  });

  it('refuses a password link, which is for another purpose, and leaves it good', async () => {
    const user = await house.inside(() => house.users.create({ email: 'bob@example.com' }));
    const data = { email: user.emailNormalized };
    const token = await house.inside(() => house.oneTimeTokens.issue('password_reset', user.id, { data }));
    expect((await open(token)).status).toBe(400);
    expect((await submit(token)).status).toBe(400);
    expect(await house.inside(() => house.oneTimeTokens.peek('password_reset', token))).toBeDefined();
    expect(await administrators()).toEqual([]);
  });

  it('refuses the link at another tenant, and a link of another tenant here', async () => {
    const token = await link();
    expect((await open(token, '/t/acme')).status).toBe(400);
    expect((await submit(token, {}, '/t/acme')).status).toBe(400);
    const foreign = await house.inside(() => house.oneTimeTokens.issue('setup', 'administrator', { data: {} }), {
      tenantId: house.acme.id,
    });
    expect((await submit(foreign)).status).toBe(400);
    expect(await administrators()).toEqual([]);
    expect((await submit(token)).status).toBe(200);
  });

  it.each([
    ['absent', undefined],
    ['empty', 'token='],
    ['repeated', 'token=a&token=b'],
    ['nested', 'token[x]=a'],
  ])('refuses a token that is %s', async (_case, query) => {
    expect((await house.agent.get(`/setup${query ? `?${query}` : ''}`)).status).toBe(400);
  });

  it.each([
    ['too short a password', { password: 'short' }, 'It has fewer than 8 characters'],
    ['a common password', { password: 'password123' }, 'It is among the passwords that are tried first'],
    ['a password with the address in it', { password: `${email}1` }, 'It contains your e-mail address'],
    ['no password', { password: '' }, 'The field was empty'],
    ['no address', { username: '' }, 'Your e-mail is missing'],
    ['what is no address', { username: 'ada' }, 'This does not look like an e-mail address'],
    ['an address with a zero-width character', { username: 'a\u200bda@example.com' }, 'does not look like an e-mail'],
  ])(
    'answers 422 to %s, keeps the form, and the link stays good',
    async (_case, fields: Record<string, string>, words) => {
      const token = await link();
      const refused = await submit(token, fields);
      expect(refused.status).toBe(422);
      expect(refused.text).toContain(words);
      expect(hidden(refused.text, 'token')).toBe(token);
      expect(refused.text).toContain(`value="${fields.username ?? email}"`);
      if (fields.password) expect(refused.text).not.toContain(fields.password);
      expect(await consumed()).toBe(false);
      expect((await submit(token, { csrf: hidden(refused.text, 'csrf') ?? '' })).status).toBe(200);
    },
  );

  it('takes nobody over: an address that is taken is refused, and the link stays good', async () => {
    await house.inside(() => house.users.create({ email: 'Ada@Example.com' }));
    const token = await link();
    const refused = await submit(token);
    expect(refused.status).toBe(422);
    expect(await administrators()).toEqual([]);
    expect(await house.events('setup.completed')).toEqual([]);
    expect((await submit(token, { username: 'root@example.com' })).status).toBe(200);
  });

  it('makes everything or nothing: where the client cannot be made, there is no administrator and the link is good', async () => {
    const token = await link();
    const { create } = house.clients;
    house.clients.create = () => Promise.reject(new Error('the disk is full'));
    const complete = house.inside(() => house.setup.complete(token, { email, password: goodPassword }));
    await expect(complete).rejects.toThrow('the disk is full');
    house.clients.create = create;
    expect(await administrators()).toEqual([]);
    expect(await house.events('setup.completed')).toEqual([]);
    expect((await submit(token)).status).toBe(200);
  });

  it('sheds with 503 and Retry-After where no password can be hashed now, and the link stays good', async () => {
    const token = await link();
    const { prepare } = house.passwords;
    house.passwords.prepare = () => Promise.reject(unavailable('busy', 'Please try again', 7));
    const busy = await submit(token);
    house.passwords.prepare = prepare;
    expect([busy.status, busy.headers['retry-after']]).toEqual([503, '7']);
    expect(hidden(busy.text, 'token')).toBe(token);
    expect(await consumed()).toBe(false);
    expect((await submit(token)).status).toBe(200);
  });

  it('makes exactly one administrator and one client of 20 completions at once', async () => {
    const token = await link();
    house.front.ip = '127.0.0.1';
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => submit(token, { username: `admin${index}@example.com` })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 400)]);
    expect(await administrators()).toHaveLength(1);
    const [{ count }] = await house.db.manager.query('SELECT count(*)::int AS count FROM clients');
    expect(count).toBe(1);
    expect(await house.events('setup.completed')).toHaveLength(1);
  }, 180_000);

  it('refuses a form from another origin, without a token of the page, and with the token of another link', async () => {
    const token = await link();
    const form = { token, username: email, password: goodPassword, csrf: house.csrf.token(token) };
    const post = (fields: object, headers: Record<string, string>) =>
      house.agent.post('/setup').type('form').set(headers).send(fields);
    expect((await post(form, { Origin: 'https://evil.example' })).status).toBe(403);
    expect((await post(form, { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
    expect((await submit(token, { csrf: '' })).status).toBe(403);
    expect((await submit(token, { csrf: house.csrf.token('another') })).status).toBe(403);
    const json = await house.agent.post('/setup').set('Origin', issuer).send(form);
    expect(json.status).toBe(403);
    expect(await administrators()).toEqual([]);
    // What a browser sends from a page under no-referrer.
    expect((await post(form, { Origin: 'null', 'Sec-Fetch-Site': 'same-origin' })).status).toBe(200);
  });

  it('answers 429 after too many links that failed from one address, a good one included, and elsewhere goes on', async () => {
    const token = await link();
    for (let count = 0; count < limits.linkFailures.points; count += 1)
      expect((await submit(`wrong${count}`)).status).toBe(400);
    expect((await submit(token)).status).toBe(429);
    house.front.ip = '198.51.100.1';
    expect((await submit(token)).status).toBe(200);
  });

  it('does not count a password that is refused as a failed link', async () => {
    const token = await link();
    for (let count = 0; count <= limits.linkFailures.points; count += 1)
      expect((await submit(token, { password: 'short' })).status).toBe(422);
    expect((await submit(token)).status).toBe(200);
  });

  it('issues no link once there is an administrator, disabled or not, and a link issued before is dead', async () => {
    const token = await link();
    const user = await house.inside(() => house.users.create({ email }, ['ADMIN']));
    expect((await open(token)).status).toBe(400);
    expect((await submit(token, { username: 'eve@example.com' })).status).toBe(400);
    // Nobody disables the last one; whoever writes the row does.
    await house.db.manager.query('UPDATE users SET disabled_at = now() WHERE id = $1', [user.id]);
    expect(await house.inside(() => house.setup.needed())).toBe(false);
    await expect(house.inside(() => house.setup.issueLink(issuer))).rejects.toMatchObject({
      status: 409,
      code: 'setup_completed',
    });
  });

  it('is needed where only another tenant has an administrator', async () => {
    await house.inside(() => house.users.create({ email }, ['ADMIN']), { tenantId: house.acme.id });
    await house.inside(() => house.users.create({ email }, ['USER']));
    expect(await house.inside(() => house.setup.needed())).toBe(true);
  });

  it('creates the administrator from the environment once, who must change the password, and ends the link', async () => {
    const token = await link();
    const made = await Promise.all(
      Array.from({ length: 5 }, () => house.inside(() => house.setup.createFromEnvironment(email, goodPassword))),
    );
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(await administrators()).toHaveLength(1);
    expect(
      await house.inside(() => house.setup.createFromEnvironment('other@example.com', goodPassword)),
    ).toBeUndefined();
    const signIn = await house.inside(() => house.passwords.verify(email, goodPassword));
    expect(signIn).toMatchObject({ outcome: 'ok', mustChange: true });
    expect((await submit(token, { username: 'eve@example.com' })).status).toBe(400);
    expect(await house.events('setup.completed')).toHaveLength(1);
  });

  it('refuses a weak password from the environment and makes nobody', async () => {
    await expect(house.inside(() => house.setup.createFromEnvironment(email, 'short'))).rejects.toMatchObject({
      status: 422,
    });
    expect(await administrators()).toEqual([]);
  });
});
