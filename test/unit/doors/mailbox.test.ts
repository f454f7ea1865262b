import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type House, openHouse } from './house.js';

describe('the mailbox of development', () => {
  let house: House;

  beforeAll(async () => {
    house = await openHouse('embedded');
    for (const email of ['first@example.com', 'second@example.com']) {
      const user = await house.inside(() => house.users.create({ email }));
      await house.inside(() => house.passwordLinks.send(user));
      await house.deliver();
    }
  }, 180_000);
  afterAll(() => house.close());
  beforeEach(() => {
    house.front.ip = '127.0.0.1';
  });

  it('lists what was sent, newest first, and shows one message with its link, escaped', async () => {
    const list = await house.agent.get('/dev/mailbox');
    expect(list.status).toBe(200);
    expect(list.headers['cache-control']).toBe('no-store');
    expect(list.text.indexOf('second@example.com')).toBeLessThan(list.text.indexOf('first@example.com'));
    const [, href = ''] = /href="(\/dev\/mailbox\/[^"]+)"/.exec(list.text) ?? [];
    const message = await house.agent.get(href);
    expect(message.status).toBe(200);
    expect(message.text).toContain('second@example.com');
    expect(message.text).toMatch(/href="https:\/\/id\.example\.com\/password\?token=[\w-]{43}"/);
    expect(message.text).toContain('Open &lt;this&gt;');
    expect(house.seen.at(-1)).toBe('/dev/mailbox');
  });

  it.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('answers the loopback address %s', async (ip) => {
    house.front.ip = ip;
    expect((await house.agent.get('/dev/mailbox')).status).toBe(200);
  });

  it.each(['203.0.113.9', '10.0.0.1', '::ffff:10.0.0.1', 'fe80::1', '127.1', '2130706433', '', 'localhost'])(
    'does not exist for the address "%s"',
    async (ip) => {
      house.front.ip = ip;
      expect((await house.agent.get('/dev/mailbox')).status).toBe(404);
      expect((await house.agent.get('/dev/mailbox/any')).status).toBe(404);
    },
  );

  it.each(['X-Forwarded-For', 'Forwarded'])('does not exist for what was forwarded (%s)', async (header) => {
    const answer = await house.agent.get('/dev/mailbox').set(header, 'for=127.0.0.1');
    expect(answer.status).toBe(404);
  });

  it('shows no message of another tenant, and none that is unknown', async () => {
    const [{ id }] = await house.db.manager.query('SELECT id FROM mail_messages LIMIT 1');
    expect((await house.agent.get(`/dev/mailbox/${id}`)).status).toBe(200);
    expect((await house.agent.get(`/t/acme/dev/mailbox/${id}`)).status).toBe(404);
    expect((await house.agent.get('/dev/mailbox/unknown')).status).toBe(404);
    expect((await house.agent.get('/t/acme/dev/mailbox')).text).toContain('No e-mail yet');
  });

  it('is empty where the driver keeps nothing', async () => {
    const mail = house.mailOver({ keeps: false, send: async () => {}, check: async () => 'healthy', close: () => {} });
    expect(await house.inside(() => mail.mailbox())).toEqual([]);
  });
});
