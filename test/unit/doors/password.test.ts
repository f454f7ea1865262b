import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { limits } from '../../../config/protocol.js';
import type { User } from '../../../src/features/users/user.entity.js';
import { unavailable } from '../../../src/platform/errors.js';
import { oneKind } from '../../support/postgres.js';
import { goodPassword, type House, hidden, issuer, openHouse, tokenOf } from './house.js';

const oldPassword = 'a former walnut bridge';

describe.each(oneKind)('a password from a mailed link (%s)', (kind) => {
  let house: House;
  let user: User;
  let machine = 0;

  beforeAll(async () => {
    house = await openHouse(kind);
  }, 180_000);
  afterAll(() => house.close());
  beforeEach(async () => {
    for (const table of ['users', 'one_time_tokens', 'audit_events', 'mail_messages', 'login_failures'])
      await house.db.manager.query(`DELETE FROM ${table}`);
    machine += 1;
    house.front.ip = `203.0.113.${machine}`;
    user = await house.inside(() => house.users.create({ email: 'bob@example.com' }));
    await house.inside(() => house.passwords.set(user, oldPassword));
    house.ended.splice(0);
  });

  /** As the person finds it in the mail. */
  async function link(): Promise<string> {
    await house.inside(() => house.passwordLinks.send(user));
    await house.deliver();
    const [message] = await house.inside(() => house.mail.mailbox());
    return tokenOf(/https:\S+/.exec(message?.text ?? '')?.[0] ?? '');
  }
  const open = (token: string, prefix = '') => house.agent.get(`${prefix}/password`).query({ token });
  const submit = (token: string, fields: Record<string, string> = {}, prefix = '') =>
    house.agent
      .post(`${prefix}/password`)
      .type('form')
      .set('Origin', issuer)
      .send({ token, password: goodPassword, csrf: house.csrf.token(token), ...fields });
  const works = async (password: string) =>
    (await house.inside(() => house.passwords.verify(user.email, password))).outcome === 'ok';

  describe('says how strong a password is while it is typed', () => {
    const ask = (token: string, password: string, fields: Record<string, string> = {}) =>
      house.agent
        .post('/password/strength')
        .type('form')
        .set('Origin', issuer)
        .send({ token, password, csrf: house.csrf.token(token), ...fields });

    it('in a word, and why it would be refused', async () => {
      const token = await link();
      const page = await open(token);
      expect(page.text).toContain('data-strength="/password/strength"');
      const good = await ask(token, 'a former walnut bridge');
      expect([good.status, good.body, good.headers['cache-control']]).toEqual([
        200,
        { strength: 'strong' },
        'no-store',
      ]);
      expect((await ask(token, 'password1')).body).toEqual({ strength: 'weak', problem: 'common' });
      expect((await ask(token, user.email)).body).toEqual({ strength: 'weak', problem: 'contains_email' });
      // Nothing is used up, nothing is set.
      expect((await open(token)).status).toBe(200);
      expect(await works('a former walnut bridge')).toBe(true);
      expect(await house.events('password.set')).toHaveLength(1);
    });

    it('only to its own page, and only so often', async () => {
      const token = await link();
      expect((await ask(token, 'x', { csrf: house.csrf.token('another') })).status).toBe(403);
      expect((await ask(token, 'x', { csrf: '' })).status).toBe(403);
      const elsewhere = ask(token, 'x').set('Origin', 'https://evil.example');
      expect((await elsewhere).status).toBe(403);
      expect((await ask('unknown', 'x')).status).toBe(400);
      let last = 200;
      for (let i = 0; i <= limits.strength.points && last === 200; i += 1) last = (await ask(token, 'x')).status;
      expect(last).toBe(429);
    });
  });

  it('asks for the length of the tenant', async () => {
    await house.inside(async () => {
      const tenant = await house.tenants.current();
      await house.tenants.update(tenant, { settings: { authentication: { password_min_length: 15 } } });
    });
    const token = await link();
    const form = await open(token);
    expect(form.text).toContain('minlength="15"');
    expect(form.text).toContain('At least 15 characters');
    const short = await submit(token, { password: 'k9$Lq2vRk9$Lq2' });
    expect(short.status).toBe(422);
    expect(short.text).toContain('It has fewer than 15 characters.');
    expect((await submit(token, { password: 'k9$Lq2vRk9$Lq2v' })).status).toBe(303);
    await house.inside(async () => {
      const tenant = await house.tenants.current();
      await house.tenants.update(tenant, { settings: { authentication: { password_min_length: 8 } } });
    });
  });

  it('sets the password, ends what rested on the old one, proves the mailbox, and answers 303', async () => {
    const token = await link();
    const form = await open(token);
    expect(form.status).toBe(200);
    expect(form.headers['referrer-policy']).toBe('no-referrer');
    expect(form.text).toContain(user.email);
    const answer = await submit(token, { csrf: hidden(form.text, 'csrf') ?? '' });
    expect(answer.status).toBe(303);
    expect(answer.headers.location).toBe('/password/done');
    expect(answer.headers['cache-control']).toBe('no-store');
    const done = await house.agent.get('/password/done');
    expect(done.status).toBe(200);
    expect(done.text).toContain('Your password is saved');
    expect([await works(goodPassword), await works(oldPassword)]).toEqual([true, false]);
    expect(house.ended).toEqual([user.id]);
    expect((await house.inside(() => house.users.find(user.id))).emailVerified).toBe(true);
    expect(await house.events('password.set')).toHaveLength(2);
    expect(house.seen.at(-1)).toBe('/password');
  });

  it('refuses a link used twice and keeps the password of the first use', async () => {
    const token = await link();
    expect((await submit(token)).status).toBe(303);
    const again = await submit(token, { password: 'somebody elses choice 7' });
    expect(again.status).toBe(400);
    expect(again.text).toContain('This link no longer works');
    expect((await open(token)).status).toBe(400);
    expect(await works(goodPassword)).toBe(true);
  });

  it('uses nothing up by GET or HEAD, and sets nothing', async () => {
    const token = await link();
    for (let count = 0; count < 3; count += 1) {
      expect((await open(token)).status).toBe(200);
      expect((await house.agent.head('/password').query({ token })).status).toBe(200);
    }
    const byAddress = await house.agent.get('/password').query({ token, password: goodPassword });
    expect(byAddress.status).toBe(200);
    expect(await works(oldPassword)).toBe(true);
    expect((await submit(token)).status).toBe(303);
  });

  it('sets exactly one of 20 passwords sent at once', async () => {
    const token = await link();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => submit(token, { password: `${goodPassword} ${index}` })),
    );
    const winners = answers.flatMap(({ status }, index) => (status === 303 ? [index] : []));
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(19);
    expect(await works(`${goodPassword} ${winners[0]}`)).toBe(true);
    expect(house.ended).toEqual([user.id]);
  }, 180_000);

  it('refuses a link older than an hour', async () => {
    const token = await link();
    house.clock.forward(3600 + 1);
    expect((await open(token)).status).toBe(400);
    expect((await submit(token)).status).toBe(400);
    expect(await works(oldPassword)).toBe(true);
  });

  it('refuses an older link once a newer one was sent', async () => {
    const [older, newer] = [await link(), await link()];
    expect((await submit(older)).status).toBe(400);
    expect((await submit(newer)).status).toBe(303);
  });

  it('refuses the setup link, which is for another purpose, and leaves it good', async () => {
    const token = tokenOf(await house.inside(() => house.setup.issueLink(issuer)));
    expect((await open(token)).status).toBe(400);
    expect((await submit(token)).status).toBe(400);
    expect(await house.inside(() => house.setup.accepts(token))).toBe(true);
  });

  it('refuses the link at another tenant', async () => {
    const token = await link();
    expect((await open(token, '/t/acme')).status).toBe(400);
    expect((await submit(token, {}, '/t/acme')).status).toBe(400);
    expect((await submit(token)).status).toBe(303);
  });

  it('stays below the prefix of its tenant', async () => {
    const tenantId = house.acme.id;
    const other = await house.inside(() => house.users.create({ email: 'eva@example.com' }), { tenantId });
    const data = { email: other.emailNormalized };
    const token = await house.inside(() => house.oneTimeTokens.issue('password_reset', other.id, { data }), {
      tenantId,
    });
    const form = await open(token, '/t/acme');
    expect(form.text).toContain('action="/t/acme/password"');
    const answer = await submit(token, {}, '/t/acme');
    expect([answer.status, answer.headers.location]).toEqual([303, '/t/acme/password/done']);
  });

  it.each([
    ['the user is disabled', () => house.inside(() => house.users.disable(user))],
    ['the address is another one', () => house.inside(() => house.users.update(user, { email: 'new@example.com' }))],
    ['the user is gone', () => house.inside(() => house.users.delete(user))],
    ['another password was set', () => house.inside(() => house.passwords.set(user, 'set by the person 31'))],
  ])('refuses the link once %s', async (_case, change: () => Promise<unknown>) => {
    const token = await link();
    await change();
    expect((await open(token)).status).toBe(400);
    expect((await submit(token)).status).toBe(400);
  });

  it.each([
    ['too short', 'short', 'It has fewer than 8 characters'],
    ['common', 'password123', 'It is among the passwords that are tried first'],
    ['empty', '', 'The field was empty'],
    ['too long', 'äöü'.repeat(400), 'It has more than 1024 characters'],
  ])(
    'answers 422 to a password that is %s, keeps the form, and the link stays good',
    async (_case, password, words) => {
      const token = await link();
      const refused = await submit(token, { password });
      expect(refused.status).toBe(422);
      expect(refused.text).toContain(words);
      expect(hidden(refused.text, 'token')).toBe(token);
      expect(await works(oldPassword)).toBe(true);
      expect((await submit(token, { csrf: hidden(refused.text, 'csrf') ?? '' })).status).toBe(303);
    },
  );

  it('takes 1024 characters of any script, and verifies them exactly as sent', async () => {
    const password = `${'🜁ж漢'.repeat(341)}𐍈`;
    const token = await link();
    expect((await submit(token, { password })).status).toBe(303);
    expect(await works(password)).toBe(true);
    expect(await works(password.slice(0, -2))).toBe(false);
  });

  it('answers alike to unknown, used, expired and foreign links', async () => {
    const used = await link();
    await submit(used);
    const wrongPurpose = tokenOf(await house.inside(() => house.setup.issueLink(issuer)));
    const answers = await Promise.all([used, wrongPurpose, 'unknown', ''].map((token) => open(token)));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  });

  it('refuses a form from another origin, without a token of the page, and with the token of another link', async () => {
    const token = await link();
    const form = { token, password: goodPassword, csrf: house.csrf.token(token) };
    const cross = await house.agent.post('/password').type('form').set('Origin', 'https://evil.example').send(form);
    expect(cross.status).toBe(403);
    expect((await submit(token, { csrf: '' })).status).toBe(403);
    expect((await submit(token, { csrf: house.csrf.token('another') })).status).toBe(403);
    expect(await works(oldPassword)).toBe(true);
  });

  it('sheds with 503 and Retry-After where no password can be hashed now, and the link stays good', async () => {
    const token = await link();
    const { prepare } = house.passwords;
    house.passwords.prepare = () => Promise.reject(unavailable('busy', 'Please try again', 7));
    const busy = await submit(token);
    house.passwords.prepare = prepare;
    expect([busy.status, busy.headers['retry-after']]).toEqual([503, '7']);
    expect(hidden(busy.text, 'token')).toBe(token);
    expect((await submit(token)).status).toBe(303);
  });

  it('lets no more failed links through when they come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => submit(`wrong${index}`)));
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(limits.linkFailures.points);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(30 - limits.linkFailures.points);
  });

  it('answers 429 after too many links that failed from one address', async () => {
    const token = await link();
    for (let count = 0; count < limits.linkFailures.points; count += 1)
      expect((await submit(`wrong${count}`)).status).toBe(400);
    expect((await submit(token)).status).toBe(429);
    house.front.ip = '198.51.100.1';
    expect((await submit(token)).status).toBe(303);
  });
});
