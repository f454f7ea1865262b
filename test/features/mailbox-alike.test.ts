import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { withContext } from '../../src/platform/context.js';
import { kinds } from '../support/postgres.js';
import { recordStatements } from '../support/statements.js';
import { at, openHouse } from './house.js';
import { MailboxHouse } from './mailbox-house.js';

const password = 'quiet river stone';

describe.each(kinds)('what goes through a mailbox, to whoever asks (%s)', (kind) => {
  const box = new MailboxHouse(kind);
  beforeAll(() => box.open(), 60_000);
  afterEach(() => void jest.restoreAllMocks());
  afterAll(() => box.house.close());

  describe('nobody learns whether an address has an account', () => {
    const verbs: [string, (email: string) => Promise<unknown>][] = [
      ['a code', (email) => box.house.codes.send(email, 'f')],
      ['a magic link', (email) => box.house.magicLinks.send(email, 'f')],
      ['a new password', (email) => box.house.forgotten.request(email)],
      ['the verification again', (email) => box.house.verification.resend(email)],
      ['an account', (email) => box.house.registration.register({ email, password, flow: 'f' })],
      ['a try of a code', async (email) => (await box.house.codes.verify(email, 'f', '000000')).outcome],
      [
        'a sign-in by a code that was not asked for',
        async (email) => (await box.house.codes.signIn(email, 'f', '0')).outcome,
      ],
      [
        'a sign-in by a code, until it is locked',
        async (email) => {
          const outcomes: string[] = [];
          for (const flow of ['g', 'h']) {
            await box.house.codes.send(email, flow);
            for (let i = 0; i < 5; i += 1) outcomes.push((await box.house.codes.signIn(email, flow, 'abcdef')).outcome);
          }
          return outcomes.join();
        },
      ],
    ];

    it.each(verbs)('who asks for %s: the same answer by the same statements', (_name, ask) =>
      box.inside(async () => {
        const known = await box.person();
        const disabled = await box.person();
        await box.house.users.disable(disabled);
        await ask(box.someone());
        const sent = recordStatements();
        const answers: unknown[] = [];
        const seen: (string[] | undefined)[] = [];
        for (const [id, email] of [
          ['known', known.email],
          ['unknown', box.someone()],
          ['disabled', disabled.email],
        ] as const) {
          answers.push(await withContext({ requestId: `${id}-${box.count}` }, () => ask(email)));
          seen.push(sent.get(`${id}-${box.count}`));
        }
        expect(new Set(answers).size).toBe(1);
        if (kind === 'postgres') expect(seen[0]?.length).toBeGreaterThan(1);
        expect(seen[1]).toEqual(seen[0]);
        expect(seen[2]).toEqual(seen[0]);
        box.house.outbox.length = 0;
      }),
    );

    it('nor from the tries that a code has left', () =>
      box.inside(async () => {
        const known = (await box.person()).email;
        const outcomes = async (email: string) => {
          await box.house.codes.send(email, 'f');
          const seen: string[] = [];
          for (let i = 0; i < 7; i += 1) seen.push((await box.house.codes.verify(email, 'f', 'abcdef')).outcome);
          return seen;
        };
        expect(await outcomes(box.someone())).toEqual(await outcomes(known));
        box.house.outbox.length = 0;
      }));

    it('nor from the lock that wrong ones make', () =>
      box.inside(async () => {
        const known = (await box.person()).email;
        const outcomes = async (email: string) => {
          await box.house.codes.send(email, 'f');
          const seen: unknown[] = [];
          for (let i = 0; i < 7; i += 1) seen.push((await box.house.codes.signIn(email, 'f', 'abcdef')).outcome);
          await box.house.codes.send(email, 'g');
          seen.push((await box.house.codes.signIn(email, 'g', 'abcdef')).outcome);
          return [...seen, await box.house.codes.isPaused(email)];
        };
        const ofKnown = await outcomes(known);
        expect(ofKnown).toEqual([...Array(5).fill('wrong'), 'gone', 'gone', 'locked', true]);
        expect(await outcomes(box.someone())).toEqual(ofKnown);
        box.house.outbox.length = 0;
      }));

    it('nor hashes a password more or less often', () =>
      box.inside(async () => {
        const hashes = jest.spyOn(box.house.hasher, 'hash');
        const known = (await box.person()).email;
        for (const email of [known, box.someone()]) {
          hashes.mockClear();
          await box.house.registration.register({ email, password, flow: 'f' });
          expect(hashes).toHaveBeenCalledTimes(1);
        }
        box.house.outbox.length = 0;
      }));
  });
});

describe('how often letters may be asked for', () => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  const limits = {
    lettersToAddress: { points: 3, seconds: 3600 },
    lettersToAddressInAll: { points: 7, seconds: 3600 },
    lettersFromClient: { points: 8, seconds: 3600 },
  };
  beforeAll(async () => {
    house = await openHouse(kinds[0] as (typeof kinds)[number], 1, limits);
  }, 180_000);
  afterAll(() => house.close());
  const from = <T>(ip: string, work: () => Promise<T>) => at(house.tenant, () => withContext({ ip }, work));

  it('is counted for an address, known or not, whichever way is asked for, however it is written', async () => {
    await at(house.tenant, () => house.users.create({ email: 'known@example.com', email_verified: true }));
    for (const [index, name] of ['known', 'unknown'].entries()) {
      const ip = (last: number) => `192.0.2.${index * 100 + last}`;
      await from(ip(1), () => house.codes.send(`${name}@example.com`, 'f'));
      await from(ip(2), () => house.magicLinks.send(` ${name.toUpperCase()}@example.com`, 'f'));
      await from(ip(3), () => house.forgotten.request(`${name}@EXAMPLE.com`));
      await expect(from(ip(4), () => house.codes.send(`${name}@example.com`, 'g'))).rejects.toMatchObject({
        status: 429,
      });
      await expect(from(ip(5), () => house.verification.resend(`${name}@example.com`))).rejects.toMatchObject({
        status: 429,
      });
    }
  });

  it('is counted for a network, so that a stranger elsewhere keeps nobody waiting, and in all for the address', async () => {
    const ask = (ip: string, email = 'shared@example.com') => from(ip, () => house.codes.send(email, ip));
    for (let i = 1; i <= 3; i += 1) await ask(`203.0.113.${i}`);
    for (let i = 4; i <= 8; i += 1) await expect(ask(`203.0.113.${i}`)).rejects.toMatchObject({ status: 429 });
    // What was refused there was not counted here.
    for (const ip of ['198.18.1.1', '198.18.2.1', '198.18.3.1', '198.18.4.1']) await ask(ip);
    await expect(ask('198.18.5.1')).rejects.toMatchObject({ status: 429 });
  });

  it('is counted apart for who has proved something of the account: no stranger uses that up, wherever they are', async () => {
    const user = await at(house.tenant, () =>
      house.users.create({ email: 'second@example.com', email_verified: true }),
    );
    for (let i = 1; i <= 7; i += 1) await from(`198.19.${i}.1`, () => house.codes.send(user.email, 'f'));
    await expect(from('198.19.9.1', () => house.codes.send(user.email, 'f'))).rejects.toMatchObject({ status: 429 });
    for (let i = 0; i < 3; i += 1) await from('198.19.1.1', () => house.codes.sendTo(user, 'f:second_factor'));
    await expect(from('198.19.1.1', () => house.codes.sendTo(user, 'f'))).rejects.toMatchObject({ status: 429 });
  });

  it('in a browser that the account knows nobody waits for what is asked for elsewhere, not even by who knows the password', async () => {
    const user = await at(house.tenant, () => house.users.create({ email: 'third@example.com', email_verified: true }));
    const handle = (await at(house.tenant, () => house.devices.seen(user, []))) ?? '';
    const ask = () => house.codes.sendTo(user, 'f');
    for (let i = 1; i <= 7; i += 1) await from(`198.20.${i}.1`, ask);
    await expect(from('198.20.8.1', ask)).rejects.toMatchObject({ status: 429 });
    await at(house.tenant, () => withContext({ ip: '198.20.9.1', handles: [handle] }, ask));
    await expect(
      at(house.tenant, () => withContext({ ip: '198.20.9.2', handles: ['x'.repeat(43)] }, ask)),
    ).rejects.toMatchObject({ status: 429 });
  });

  it('is counted for whoever asks, whatever the addresses', async () => {
    for (let i = 0; i < 8; i += 1) await from('198.51.100.7', () => house.codes.send(`a${i}@example.com`, 'f'));
    await expect(from('198.51.100.7', () => house.codes.send('z@example.com', 'f'))).rejects.toMatchObject({
      status: 429,
    });
    await from('198.51.100.8', () => house.codes.send('z@example.com', 'f'));
  });
});
