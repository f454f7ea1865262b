import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sendLockNotice } from '../../src/features/credentials/lock-notice.js';
import { randomToken } from '../../src/platform/crypto.js';
import { kinds } from '../support/postgres.js';
import { at, openHouse } from './house.js';

describe.each(kinds)('one-time tokens, password links, mail (%s)', (kind) => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  beforeAll(async () => {
    house = await openHouse(kind, kind === 'postgres' ? 2 : 1);
  }, 180_000);
  afterAll(() => house.close());

  it('gives a token to exactly one of 50 who redeem it at once', () =>
    at(house.tenant, async () => {
      const token = await house.oneTimeTokens.issue('setup', 'admin', { data: {} });
      const all = [house, ...house.others];
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, i) => all[i % all.length]?.oneTimeTokens.consume('setup', token)),
      );
      expect(results.filter(Boolean)).toEqual([{ subject: 'admin', data: {}, flow: '' }]);
    }));

  it('answers alike for an unknown, used, expired or replaced token, another purpose and another tenant', async () => {
    const other = await house.tenants.create({ slug: `ott-${kind}`, name: 'Other' });
    await at(house.tenant, async () => {
      const { oneTimeTokens: tokens } = house;
      const used = await tokens.issue('setup', 'used', { data: {} });
      await tokens.consume('setup', used);
      const replaced = await tokens.issue('setup', 'replaced', { data: {} });
      await tokens.issue('setup', 'replaced', { data: {} });
      const revoked = await tokens.issue('setup', 'revoked', { data: {} });
      await tokens.revoke('setup', 'revoked');
      const elsewhere = await at(other, () => tokens.issue('setup', 'elsewhere', { data: {} }));
      const purpose = await tokens.issue('password_reset', 'purpose', { data: { email: 'x' } });
      const expired = await tokens.issue('setup', 'expired', { data: {}, ttlSeconds: 60 });
      house.clock.forward(61);
      for (const token of [
        randomToken(),
        used,
        replaced,
        revoked,
        elsewhere,
        purpose,
        expired,
        '',
        '\u0000'.slice(1),
      ]) {
        expect(await tokens.peek('setup', token)).toBeUndefined();
        expect(await tokens.consume('setup', token)).toBeUndefined();
      }
      expect(await tokens.peek('password_reset', purpose)).toBeDefined();
    });
  });

  it('is not used up by looking, and is stored as a hash', () =>
    at(house.tenant, async () => {
      const token = await house.oneTimeTokens.issue('setup', 'look', { data: {} });
      await house.oneTimeTokens.peek('setup', token);
      expect(JSON.stringify(await house.db.dataSource.query('SELECT * FROM one_time_tokens'))).not.toContain(token);
      expect(await house.oneTimeTokens.consume('setup', token)).toBeDefined();
    }));

  const linkFor = async (email: string) => {
    const user = await house.users.create({ email });
    await house.links.send(user);
    const job = house.outbox.at(-1)?.payload as { message_id: string };
    await house.mail.deliver(job);
    const link = String(house.sent.at(-1)?.data.link);
    return { user, token: new URL(link).searchParams.get('token') ?? '', job };
  };

  it('sends a link that no table holds, neither before nor after it is sent', () =>
    at(house.tenant, async () => {
      const user = await house.users.create({ email: 'mail@example.com' });
      await house.links.send(user);
      const job = house.outbox.at(-1);
      expect(Object.keys(job?.payload ?? {})).toEqual(['message_id']);
      const dump = async () => JSON.stringify(await house.db.dataSource.query('SELECT * FROM mail_messages'));
      const before = await dump();
      await house.mail.deliver(job?.payload as { message_id: string });
      const link = String(house.sent.at(-1)?.data.link);
      const token = new URL(link).searchParams.get('token') ?? '';
      expect(token).toHaveLength(43);
      for (const text of [before, await dump()]) {
        expect(text).not.toContain(token);
        expect(text).not.toContain('mail@example.com');
      }
      expect((await house.mail.mailbox())[0]).toMatchObject({ to: 'mail@example.com', subject: 'set_password' });
    }));

  it('does not send a mail twice where its job runs twice', () =>
    at(house.tenant, async () => {
      const { job } = await linkFor('twice@example.com');
      const count = house.sent.length;
      await house.mail.deliver(job);
      expect(house.sent).toHaveLength(count);
    }));

  it('keeps a mail that could not be sent for the next attempt, without the words of the mail server', () =>
    at(house.tenant, async () => {
      await house.mail.send('account_locked', 'later@example.com', { until: 'soon' });
      const job = house.outbox.at(-1)?.payload as { message_id: string };
      const { send } = house.transport;
      house.transport.send = async () => {
        throw Object.assign(new Error('550 later@example.com unknown'), { code: 'EENVELOPE', responseCode: 550 });
      };
      const stored = () =>
        house.db.dataSource.query('SELECT status, last_error FROM mail_messages WHERE id = $1', [job.message_id]);
      await expect(house.mail.deliver(job)).rejects.toThrow();
      expect(await stored()).toEqual([{ status: 'queued', last_error: 'EENVELOPE 550' }]);
      await expect(house.mail.deliver(job, true)).rejects.toThrow();
      expect(await stored()).toEqual([{ status: 'failed', last_error: 'EENVELOPE 550' }]);
      house.transport.send = send;
      await house.mail.deliver(job);
      expect((await house.mail.mailbox())[0]?.to).toBe('later@example.com');
    }));

  it('sets a password by the link once, proves the mailbox, ends sessions and lifts a lock', () =>
    at(house.tenant, async () => {
      const { user, token } = await linkFor('reset@example.com');
      for (let i = 0; i < 6; i += 1) await house.passwords.verify(user.email, 'wrong');
      house.ended.length = 0;
      await expect(house.links.redeem(token, 'password123')).rejects.toMatchObject({ status: 422 });
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) => house.links.redeem(token, `quiet river stone ${i}`)),
      );
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(house.ended).toEqual([user.id]);
      expect((await house.passwords.verify(user.email, `quiet river stone ${winner}`)).outcome).toBe('ok');
      expect((await house.users.find(user.id)).emailVerified).toBe(true);
    }));

  it('refuses the link after a change of the address, for a disabled user and after a newer link', () =>
    at(house.tenant, async () => {
      const moved = await linkFor('moved@example.com');
      await house.users.update(moved.user, { email: 'elsewhere@example.com' });
      const disabled = await linkFor('disabled@example.com');
      await house.users.disable(disabled.user);
      const older = await linkFor('older@example.com');
      await house.links.send(older.user);
      for (const { token } of [moved, disabled, older]) {
        expect(await house.links.peek(token)).toBeUndefined();
        await expect(house.links.redeem(token, 'quiet river stone')).rejects.toMatchObject({ code: 'invalid_link' });
      }
    }));

  it('tells the owner of a locked account, and nobody where there is none', () =>
    at(house.tenant, async () => {
      const user = await house.users.create({ email: 'owner@example.com' });
      house.outbox.length = 0;
      const lock = { until: '2030-01-01T00:00:00.000Z', lockout_count: 1 };
      await sendLockNotice({ user_id: null, ...lock }, house.users, house.mail);
      await sendLockNotice({ user_id: randomUUID(), ...lock }, house.users, house.mail);
      expect(house.outbox).toEqual([]);
      await sendLockNotice({ user_id: user.id, ...lock }, house.users, house.mail);
      expect(house.outbox).toHaveLength(1);
    }));

  it('knows its built-in resource servers and finds others by their exact identifier', () =>
    at(house.tenant, async () => {
      const identifier = `https://api.example.com/${kind}`;
      expect(await house.resources.findByIdentifier(identifier)).toBeUndefined();
      const resource = await house.resources.create({ identifier, name: 'API', scopes: [{ name: 'read' }] });
      expect(await house.resources.findByIdentifier(identifier)).toMatchObject({
        accessTokenFormat: 'opaque',
        accessTokenTtl: 900,
      });
      await house.resources.update(resource, { access_token_format: 'jwt' }, 1);
      expect(await house.resources.findByIdentifier(identifier)).toMatchObject({ accessTokenFormat: 'jwt' });
      expect(await house.resources.findByIdentifier(`${identifier}/`)).toBeUndefined();
      await house.resources.delete(resource);
      expect(await house.resources.findByIdentifier(identifier)).toBeUndefined();
      const own = 'https://id.example.com/api';
      expect(await house.resources.findByIdentifier(own)).toMatchObject({ name: 'Management API' });
      await expect(house.resources.create({ identifier: own, name: 'Mine' })).rejects.toMatchObject({ status: 409 });
    }));
});
