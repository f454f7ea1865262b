import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import {
  type LinkPurpose,
  type OneTimePurposes,
  type Purpose,
  TTL_SECONDS,
} from '../../src/features/one-time-tokens/one-time-purposes.js';
import { withContext } from '../../src/platform/context.js';
import { kinds } from '../support/postgres.js';
import { recordStatements } from '../support/statements.js';
import { at, openHouse } from './house.js';

const generous = {
  lettersToAddress: { points: 1000, seconds: 3600 },
  lettersToAddressInAll: { points: 1000, seconds: 3600 },
  lettersFromClient: { points: 10_000, seconds: 3600 },
};
const password = 'quiet river stone';
const wins = (results: PromiseSettledResult<unknown>[]) => results.filter(({ status }) => status === 'fulfilled');
const fifty = <T>(work: (index: number) => Promise<T>) =>
  Promise.allSettled(Array.from({ length: 50 }, (_, index) => work(index)));

describe.each(kinds)('what goes through a mailbox (%s)', (kind) => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  let count = 0;
  const someone = () => `person${++count}@example.com`;
  const inside = <T>(work: () => Promise<T>) => at(house.tenant, work);
  const turn = (index: number) => [house, ...house.others][index % (1 + house.others.length)] as typeof house;

  beforeAll(async () => {
    house = await openHouse(kind, kind === 'postgres' ? 2 : 1, generous);
    await inside(async () => {
      const settings = { authentication: { registration: 'open' } };
      await house.tenants.update(await house.tenants.current(), { settings } as never);
    });
  }, 60_000);
  afterEach(() => void jest.restoreAllMocks());
  afterAll(() => house.close());

  /** What the worker does with everything that was put in the outbox since, and what is in the last letter that left. */
  async function lastLetter(): Promise<{ template: string; token: string; code: string } | undefined> {
    const before = house.sent.length;
    for (const { payload } of house.outbox.splice(0)) await house.mail.deliver(payload as { message_id: string });
    const letter = house.sent.slice(before).at(-1);
    if (!letter) return undefined;
    const { link, code } = letter.data as { link?: string; code?: string };
    const token = (link && new URL(link).searchParams.get('token')) ?? '';
    return { template: letter.template, token, code: code ?? '' };
  }
  const letter = async () => (await lastLetter()) as { template: string; token: string; code: string };
  const person = (email = someone()) => house.users.create({ email, email_verified: true });

  describe('one-time tokens (RFC 9700 §4, one purpose, one flow, one use)', () => {
    const flow = 'flow-a';
    const verbs: Record<string, { purpose: Purpose; accepts: (token: string) => Promise<unknown> }> = {
      'SetupService.complete': { purpose: 'setup', accepts: (token) => house.oneTimeTokens.consume('setup', token) },
      'PasswordLinks.redeem': { purpose: 'password_reset', accepts: (token) => house.links.redeem(token, password) },
      'EmailVerification.confirm': {
        purpose: 'email_verification',
        accepts: (token) => house.verification.confirm(token, { flow }),
      },
      'MagicLinks.open': { purpose: 'magic_link', accepts: (token) => house.magicLinks.open(token, flow) },
    };
    const given = (purpose: Purpose, userId: string, email: string): Promise<string> => {
      const data = { email, from: email, to: email } as never;
      if (purpose === 'email_code')
        return house.codes.issue({ subject: userId, key: 'k', user: undefined, to: email, email }, flow);
      const bound = purpose === 'magic_link' || purpose === 'email_change' ? { flow } : {};
      return house.oneTimeTokens.issue(purpose as LinkPurpose, userId, { data, ...bound } as never);
    };

    it.each(Object.keys(TTL_SECONDS) as (keyof OneTimePurposes)[])('%s is accepted by its own verb alone', (purpose) =>
      inside(async () => {
        const user = await person();
        const token = await given(purpose, user.id, user.emailNormalized);
        const accepted: string[] = [];
        for (const [name, verb] of Object.entries(verbs)) {
          if (verb.purpose === purpose) continue;
          const answer = await verb.accepts(token).catch(() => undefined);
          if (answer) accepted.push(name);
        }
        for (const other of Object.keys(TTL_SECONDS) as LinkPurpose[]) {
          if (other === purpose) continue;
          expect(await house.oneTimeTokens.peek(other, token)).toBeUndefined();
          const bound = [{ flow }] as never;
          expect(await house.oneTimeTokens.consume(other, token, ...(bound as [{ flow: string }]))).toBeUndefined();
        }
        const code = await house.codes.verify(user.email, flow, token);
        if (purpose !== 'email_code') expect(code.outcome).not.toBe('ok');
        expect(accepted).toEqual([]);
        const own = Object.values(verbs).find((verb) => verb.purpose === purpose);
        if (own) expect(await own.accepts(token)).toBeTruthy();
      }),
    );

    it('every purpose is taken in one place of the sources at most', () => {
      const takers = new Map<string, string[]>();
      const root = path.join(projectRoot, 'src');
      for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.ts'),
      ))
        for (const [, purpose = ''] of readFileSync(path.join(root, file), 'utf8').matchAll(
          /\b(?:consume|tryCode)\(\s*'(\w+)'/g,
        ))
          takers.set(purpose, [...(takers.get(purpose) ?? []), file]);
      const built = ['email_code', 'email_verification', 'magic_link', 'password_reset', 'setup'];
      expect([...takers.keys()]).toEqual(expect.arrayContaining(built));
      for (const [purpose, files] of takers) expect({ purpose, files: files.length }).toEqual({ purpose, files: 1 });
      for (const purpose of takers.keys()) expect(Object.keys(TTL_SECONDS)).toContain(purpose);
    });

    it('is nothing in another flow, and is not burnt there', () =>
      inside(async () => {
        const token = await house.oneTimeTokens.issue('magic_link', 'x', { flow, data: { email: 'x' } });
        expect(await house.oneTimeTokens.consume('magic_link', token, { flow: 'flow-b' })).toBeUndefined();
        expect(await house.oneTimeTokens.consume('magic_link', token, { flow })).toMatchObject({ flow });
      }));

    it('dies with the password', () =>
      inside(async () => {
        const user = await person();
        await house.magicLinks.send(user.email, flow);
        const { token } = await letter();
        await house.codes.send(user.email, flow);
        const { code } = await letter();
        await house.passwords.set(user, password);
        await expect(house.magicLinks.open(token, flow)).rejects.toMatchObject({ code: 'invalid_link' });
        expect((await house.codes.verify(user.email, flow, code)).outcome).toBe('gone');
      }));

    it('dies with the address', () =>
      inside(async () => {
        const user = await person();
        await house.magicLinks.send(user.email, flow);
        const { token } = await letter();
        await house.codes.send(user.email, flow);
        const { code } = await letter();
        await house.verification.resend(user.email);
        const email = someone();
        await house.users.update(user, { email });
        await expect(house.magicLinks.open(token, flow)).rejects.toMatchObject({ code: 'invalid_link' });
        for (const name of [user.email, email])
          expect((await house.codes.verify(name, flow, code)).outcome).not.toBe('ok');
      }));
  });

  describe('a code by mail', () => {
    it('lets one of fifty in who come with it at the same time', () =>
      inside(async () => {
        const user = await person();
        await house.codes.send(user.email, 'f');
        const { code } = await letter();
        expect(code).toMatch(/^\d{6}$/);
        const tries = await fifty((index) => turn(index).codes.verify(user.email, 'f', code));
        const outcomes = tries.map((tried) => (tried.status === 'fulfilled' ? tried.value.outcome : 'error'));
        expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'gone')).toHaveLength(49);
      }));

    it('is tried five times, however many try at once, and then not even the right one is', () =>
      inside(async () => {
        const user = await person();
        await house.codes.send(user.email, 'f');
        const { code } = await letter();
        const wrong = (index: number) => String((Number(code) + 1 + index) % 1_000_000).padStart(6, '0');
        const tries = await fifty((index) => turn(index).codes.verify(user.email, 'f', wrong(index)));
        const outcomes = tries.map((tried) => (tried.status === 'fulfilled' ? tried.value.outcome : 'error'));
        expect(outcomes.filter((outcome) => outcome === 'wrong')).toHaveLength(5);
        expect(outcomes.filter((outcome) => outcome === 'gone')).toHaveLength(45);
        expect((await house.codes.verify(user.email, 'f', code)).outcome).toBe('gone');
      }));

    it('that a stranger asks for ends nobody’s: each sign-in has its own, and its own tries', () =>
      inside(async () => {
        const user = await person();
        await house.codes.send(user.email, 'mine');
        const { code } = await letter();
        await house.codes.sendTo(user, 'mine:second_factor');
        const second = (await letter()).code;
        await house.codes.send(user.email, 'theirs');
        for (let i = 0; i < 6; i += 1) await house.codes.verify(user.email, 'theirs', 'abcdef');
        expect((await house.codes.verify(user.email, 'mine', code)).outcome).toBe('ok');
        expect((await house.codes.verify(user.email, 'mine:second_factor', second)).outcome).toBe('ok');
        house.outbox.length = 0;
      }));

    it('is good in the flow that asked, for ten minutes, until a newer one, however it is typed', () =>
      inside(async () => {
        const user = await person();
        await house.codes.send(user.email, 'f');
        const first = (await letter()).code;
        expect((await house.codes.verify(user.email, 'g', first)).outcome).toBe('gone');
        await house.codes.send(user.email, 'f');
        const second = (await letter()).code;
        if (first !== second) expect((await house.codes.verify(user.email, 'f', first)).outcome).toBe('wrong');
        const typed = ` ${second.slice(0, 3)} ${second.slice(3)} `;
        expect((await house.codes.verify(user.email, 'f', typed)).outcome).toBe('ok');
        await house.codes.send(user.email, 'f');
        const late = (await letter()).code;
        house.clock.forward(10 * 60 + 1);
        expect((await house.codes.verify(user.email, 'f', late)).outcome).toBe('gone');
      }));

    it('is stored as nothing that the code could be found from without the secret of the tenant', () =>
      inside(async () => {
        const user = await person();
        await house.codes.send(user.email, 'f');
        const stored = JSON.stringify(
          await house.db.dataSource.query(`SELECT * FROM one_time_tokens WHERE subject LIKE $1 || ':%'`, [user.id]),
        );
        const mail = JSON.stringify(await house.db.dataSource.query('SELECT * FROM mail_messages'));
        const { code } = await letter();
        expect(stored).toContain('email_code');
        expect(`${stored}${mail}`).not.toContain(`"${code}"`);
      }));

    it('of a disabled user is sent to nobody and good for nothing', () =>
      inside(async () => {
        const user = await person();
        await house.codes.send(user.email, 'f');
        const { code } = await letter();
        await house.users.disable(user);
        expect((await house.codes.verify(user.email, 'f', code)).outcome).not.toBe('ok');
        await house.codes.send(user.email, 'f');
        expect(await lastLetter()).toBeUndefined();
      }));
  });

  describe('a magic link', () => {
    it('is not used up by looking, and lets one of fifty in', () =>
      inside(async () => {
        const user = await person();
        await house.magicLinks.send(user.email, 'f');
        const { token } = await letter();
        for (let i = 0; i < 3; i += 1)
          expect(await house.magicLinks.peek(token, 'f')).toMatchObject({ user: { id: user.id }, here: true });
        const opened = await fifty((index) => turn(index).magicLinks.open(token, 'f'));
        expect(wins(opened)).toHaveLength(1);
      }));

    it('signs nobody in where another browser opens it: it shows a code that is typed where the sign-in was begun', () =>
      inside(async () => {
        const user = await person();
        await house.magicLinks.send(user.email, 'begun');
        const { token } = await letter();
        expect(await house.magicLinks.peek(token, undefined)).toMatchObject({ here: false });
        const opened = await house.magicLinks.open(token, undefined);
        if (opened.outcome !== 'elsewhere') throw new Error('signed in in another browser');
        expect((await house.codes.verify(user.email, 'other', opened.code)).outcome).toBe('gone');
        expect((await house.codes.verify(user.email, 'begun', opened.code)).outcome).toBe('ok');
        await expect(house.magicLinks.open(token, 'begun')).rejects.toMatchObject({ code: 'invalid_link' });
      }));

    it('is not ended by one that a stranger asks for', () =>
      inside(async () => {
        const user = await person();
        await house.magicLinks.send(user.email, 'mine');
        const { token } = await letter();
        await house.magicLinks.send(user.email, 'theirs');
        await letter();
        expect(await house.magicLinks.open(token, 'mine')).toMatchObject({ outcome: 'here' });
      }));

    it('is good for fifteen minutes, until a newer one', () =>
      inside(async () => {
        const user = await person();
        await house.magicLinks.send(user.email, 'f');
        const older = await letter();
        await house.magicLinks.send(user.email, 'f');
        const newer = await letter();
        await expect(house.magicLinks.open(older.token, 'f')).rejects.toMatchObject({ code: 'invalid_link' });
        house.clock.forward(15 * 60 + 1);
        await expect(house.magicLinks.open(newer.token, 'f')).rejects.toMatchObject({ code: 'invalid_link' });
      }));
  });

  describe('registration', () => {
    const register = (email: string, flow = 'mine', secret = password) =>
      house.registration.register({ email, password: secret, flow });

    it('makes an unverified user whose address one click of the owner proves, once', () =>
      inside(async () => {
        const email = someone();
        await register(email);
        expect(await house.users.findByEmail(email)).toMatchObject({ emailVerified: false, roles: [] });
        const { template, token } = await letter();
        expect(template).toBe('verify_email');
        await house.verification.peek(token);
        const confirmed = await fifty((index) => turn(index).verification.confirm(token, { flow: 'mine' }));
        expect(wins(confirmed)).toHaveLength(1);
        expect(await house.users.findByEmail(email)).toMatchObject({ emailVerified: true });
        expect((await house.passwords.verify(email, password)).outcome).toBe('ok');
      }));

    it('makes one account of fifty that are made for one address at once', () =>
      inside(async () => {
        const email = someone();
        const made = await fifty((index) =>
          turn(index).registration.register({ email, password: `${password} ${index}`, flow: `${index}` }),
        );
        expect(wins(made)).toHaveLength(50);
        const rows = await house.db.dataSource.query('SELECT 1 FROM users WHERE email = $1', [email]);
        expect(rows).toHaveLength(1);
        house.outbox.length = 0;
        for (const other of house.others) other.outbox.length = 0;
      }));

    it('of an address that has an account changes nothing about it, and tells its owner alone', () =>
      inside(async () => {
        const user = await person();
        await house.passwords.set(user, password);
        await register(user.email, 'theirs', 'another river stone');
        expect((await letter()).template).toBe('registration_existing');
        expect((await house.passwords.verify(user.email, password)).outcome).toBe('ok');
        expect((await house.passwords.verify(user.email, 'another river stone')).outcome).toBe('failed');
        expect(await house.eventsOf('registration.repeated')).toContainEqual({ user_id: user.id });
      }));

    it('is refused where it is not open, for no address and for a password that cannot be chosen', async () => {
      const closed = await house.tenants.create({ slug: `closed-${kind}`, name: 'Closed' });
      await at(closed, () => expect(register(someone())).rejects.toMatchObject({ code: 'registration_closed' }));
      await inside(async () => {
        await expect(register('no address')).rejects.toMatchObject({ status: 422 });
        await expect(register(someone(), 'f', 'password123')).rejects.toMatchObject({ status: 422 });
      });
    });

    describe('by somebody else than the owner of the address (the account they prepared is not theirs)', () => {
      it.each([
        [
          'the link',
          async (email: string, token: string) => {
            expect(email).toBeTruthy();
            expect(await house.verification.confirm(token)).toMatchObject({ disowned: true });
          },
        ],
        [
          'a code',
          async (email: string) => {
            await house.codes.send(email, 'owner');
            const { code } = await letter();
            expect((await house.codes.verify(email, 'owner', code)).outcome).toBe('ok');
          },
        ],
        [
          'a magic link',
          async (email: string) => {
            await house.magicLinks.send(email, 'owner');
            const { token } = await letter();
            expect((await house.magicLinks.open(token, 'owner')).outcome).toBe('here');
          },
        ],
        [
          'a new password',
          async (email: string) => {
            await house.forgotten.request(email);
            const { token } = await letter();
            await house.links.redeem(token, 'the owners own words');
            expect((await house.passwords.verify(email, 'the owners own words')).outcome).toBe('ok');
          },
        ],
      ] as const)('loses its credentials and sessions when the owner proves it by %s', (_name, prove) =>
        inside(async () => {
          const email = someone();
          await register(email, 'attacker');
          const { token } = await letter();
          house.ended.length = 0;
          await prove(email, token);
          const user = await house.users.findByEmail(email);
          expect(user).toMatchObject({ emailVerified: true });
          expect(house.ended).toContain(user?.id);
          expect((await house.passwords.verify(email, password)).outcome).toBe('failed');
        }),
      );

      it('stays with whoever shows its password in another browser, and the link stays good after a wrong one', () =>
        inside(async () => {
          const email = someone();
          await register(email);
          const { token } = await letter();
          await expect(house.verification.confirm(token, { password: 'not it at all' })).rejects.toMatchObject({
            code: 'wrong_password',
          });
          expect(await house.verification.confirm(token, { password })).toMatchObject({ disowned: false });
          expect((await house.passwords.verify(email, password)).outcome).toBe('ok');
        }));

      it('keeps what was added after the proof', () =>
        inside(async () => {
          const email = someone();
          await register(email);
          const { token } = await letter();
          await house.verification.confirm(token, { flow: 'mine' });
          await house.magicLinks.send(email, 'another');
          await house.magicLinks.open((await letter()).token, 'another');
          expect((await house.passwords.verify(email, password)).outcome).toBe('ok');
        }));
    });

    it('proves the address it was sent to, and no other that the account was given meanwhile', () =>
      inside(async () => {
        const email = someone();
        const before = await house.users.create({ email });
        const other = someone();
        await house.users.update(before, { email: other });
        await expect(house.proof.proved(before, { flow: undefined })).rejects.toMatchObject({ code: 'invalid_link' });
        expect(await house.users.findByEmail(other)).toMatchObject({ emailVerified: false });
      }));

    it('sends the link again, and the older one dies; a proved address gets none', () =>
      inside(async () => {
        const email = someone();
        await register(email);
        const older = await letter();
        await house.verification.resend(email);
        const newer = await letter();
        await expect(house.verification.confirm(older.token)).rejects.toMatchObject({ code: 'invalid_link' });
        await house.verification.confirm(newer.token, { flow: 'mine' });
        await house.verification.resend(email);
        expect(await lastLetter()).toBeUndefined();
      }));
  });

  describe('nobody learns whether an address has an account', () => {
    const verbs: [string, (email: string) => Promise<unknown>][] = [
      ['a code', (email) => house.codes.send(email, 'f')],
      ['a magic link', (email) => house.magicLinks.send(email, 'f')],
      ['a new password', (email) => house.forgotten.request(email)],
      ['the verification again', (email) => house.verification.resend(email)],
      ['an account', (email) => house.registration.register({ email, password, flow: 'f' })],
      ['a try of a code', async (email) => (await house.codes.verify(email, 'f', '000000')).outcome],
      [
        'a sign-in by a code that was not asked for',
        async (email) => (await house.codes.signIn(email, 'f', '0')).outcome,
      ],
      [
        'a sign-in by a code, until it is locked',
        async (email) => {
          const outcomes: string[] = [];
          for (const flow of ['g', 'h']) {
            await house.codes.send(email, flow);
            for (let i = 0; i < 5; i += 1) outcomes.push((await house.codes.signIn(email, flow, 'abcdef')).outcome);
          }
          return outcomes.join();
        },
      ],
    ];

    it.each(verbs)('who asks for %s: the same answer by the same statements', (_name, ask) =>
      inside(async () => {
        const known = await person();
        const disabled = await person();
        await house.users.disable(disabled);
        await ask(someone());
        const sent = recordStatements();
        const answers: unknown[] = [];
        const seen: (string[] | undefined)[] = [];
        for (const [id, email] of [
          ['known', known.email],
          ['unknown', someone()],
          ['disabled', disabled.email],
        ] as const) {
          answers.push(await withContext({ requestId: `${id}-${count}` }, () => ask(email)));
          seen.push(sent.get(`${id}-${count}`));
        }
        expect(new Set(answers).size).toBe(1);
        if (kind === 'postgres') expect(seen[0]?.length).toBeGreaterThan(1);
        expect(seen[1]).toEqual(seen[0]);
        expect(seen[2]).toEqual(seen[0]);
        house.outbox.length = 0;
      }),
    );

    it('nor from the tries that a code has left', () =>
      inside(async () => {
        const known = (await person()).email;
        const outcomes = async (email: string) => {
          await house.codes.send(email, 'f');
          const seen: string[] = [];
          for (let i = 0; i < 7; i += 1) seen.push((await house.codes.verify(email, 'f', 'abcdef')).outcome);
          return seen;
        };
        expect(await outcomes(someone())).toEqual(await outcomes(known));
        house.outbox.length = 0;
      }));

    it('nor from the lock that wrong ones make', () =>
      inside(async () => {
        const known = (await person()).email;
        const outcomes = async (email: string) => {
          await house.codes.send(email, 'f');
          const seen: unknown[] = [];
          for (let i = 0; i < 7; i += 1) seen.push((await house.codes.signIn(email, 'f', 'abcdef')).outcome);
          await house.codes.send(email, 'g');
          seen.push((await house.codes.signIn(email, 'g', 'abcdef')).outcome);
          return [...seen, await house.codes.isPaused(email)];
        };
        const ofKnown = await outcomes(known);
        expect(ofKnown).toEqual([...Array(5).fill('wrong'), 'gone', 'gone', 'locked', true]);
        expect(await outcomes(someone())).toEqual(ofKnown);
        house.outbox.length = 0;
      }));

    it('nor hashes a password more or less often', () =>
      inside(async () => {
        const hashes = jest.spyOn(house.hasher, 'hash');
        const known = (await person()).email;
        for (const email of [known, someone()]) {
          hashes.mockClear();
          await house.registration.register({ email, password, flow: 'f' });
          expect(hashes).toHaveBeenCalledTimes(1);
        }
        house.outbox.length = 0;
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
  }, 60_000);
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

  it('is counted for whoever asks, whatever the addresses', async () => {
    for (let i = 0; i < 8; i += 1) await from('198.51.100.7', () => house.codes.send(`a${i}@example.com`, 'f'));
    await expect(from('198.51.100.7', () => house.codes.send('z@example.com', 'f'))).rejects.toMatchObject({
      status: 429,
    });
    await from('198.51.100.8', () => house.codes.send('z@example.com', 'f'));
  });
});
