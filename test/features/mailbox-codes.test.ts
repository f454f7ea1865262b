import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { kinds } from '../support/postgres.js';
import { fifty, MailboxHouse, wins } from './mailbox-house.js';

describe.each(kinds)('codes and magic links (%s)', (kind) => {
  const box = new MailboxHouse(kind);
  beforeAll(() => box.open(), 60_000);
  afterEach(() => void jest.restoreAllMocks());
  afterAll(() => box.house.close());

  describe('a code by mail', () => {
    it('lets one of fifty in who come with it at the same time', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.codes.send(user.email, 'f');
        const { code } = await box.letter();
        expect(code).toMatch(/^\d{6}$/);
        const tries = await fifty((index) => box.turn(index).codes.verify(user.email, 'f', code));
        const outcomes = tries.map((tried) => (tried.status === 'fulfilled' ? tried.value.outcome : 'error'));
        expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'gone')).toHaveLength(49);
      }));

    it('is tried five times, however many try at once, and then not even the right one is', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.codes.send(user.email, 'f');
        const { code } = await box.letter();
        const wrong = (index: number) => String((Number(code) + 1 + index) % 1_000_000).padStart(6, '0');
        const tries = await fifty((index) => box.turn(index).codes.verify(user.email, 'f', wrong(index)));
        const outcomes = tries.map((tried) => (tried.status === 'fulfilled' ? tried.value.outcome : 'error'));
        expect(outcomes.filter((outcome) => outcome === 'wrong')).toHaveLength(5);
        expect(outcomes.filter((outcome) => outcome === 'gone')).toHaveLength(45);
        expect((await box.house.codes.verify(user.email, 'f', code)).outcome).toBe('gone');
      }));

    it('that a stranger asks for ends nobody’s: each sign-in has its own, and its own tries', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.codes.send(user.email, 'mine');
        const { code } = await box.letter();
        await box.house.codes.sendTo(user, 'mine:second_factor');
        const second = (await box.letter()).code;
        await box.house.codes.send(user.email, 'theirs');
        for (let i = 0; i < 6; i += 1) await box.house.codes.verify(user.email, 'theirs', 'abcdef');
        expect((await box.house.codes.verify(user.email, 'mine', code)).outcome).toBe('ok');
        expect((await box.house.codes.verify(user.email, 'mine:second_factor', second)).outcome).toBe('ok');
        box.house.outbox.length = 0;
      }));

    it('is good in the flow that asked, for ten minutes, until a newer one, however it is typed', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.codes.send(user.email, 'f');
        const first = (await box.letter()).code;
        expect((await box.house.codes.verify(user.email, 'g', first)).outcome).toBe('gone');
        await box.house.codes.send(user.email, 'f');
        const second = (await box.letter()).code;
        if (first !== second) expect((await box.house.codes.verify(user.email, 'f', first)).outcome).toBe('wrong');
        const typed = ` ${second.slice(0, 3)} ${second.slice(3)} `;
        expect((await box.house.codes.verify(user.email, 'f', typed)).outcome).toBe('ok');
        await box.house.codes.send(user.email, 'f');
        const late = (await box.letter()).code;
        box.house.clock.forward(10 * 60 + 1);
        expect((await box.house.codes.verify(user.email, 'f', late)).outcome).toBe('gone');
      }));

    it('is stored as nothing that the code could be found from without the secret of the tenant', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.codes.send(user.email, 'f');
        const stored = JSON.stringify(
          await box.house.db.dataSource.query(`SELECT * FROM one_time_tokens WHERE subject LIKE $1 || ':%'`, [user.id]),
        );
        const mail = JSON.stringify(await box.house.db.dataSource.query('SELECT * FROM mail_messages'));
        const { code } = await box.letter();
        expect(stored).toContain('email_code');
        expect(`${stored}${mail}`).not.toContain(`"${code}"`);
      }));

    it('of a disabled user is sent to nobody and good for nothing', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.codes.send(user.email, 'f');
        const { code } = await box.letter();
        await box.house.users.disable(user);
        expect((await box.house.codes.verify(user.email, 'f', code)).outcome).not.toBe('ok');
        await box.house.codes.send(user.email, 'f');
        expect(await box.lastLetter()).toBeUndefined();
      }));
  });

  describe('a magic link', () => {
    it('is not used up by looking, and lets one of fifty in', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.magicLinks.send(user.email, 'f');
        const { token } = await box.letter();
        for (let i = 0; i < 3; i += 1)
          expect(await box.house.magicLinks.peek(token, 'f')).toMatchObject({ user: { id: user.id }, here: true });
        const opened = await fifty((index) => box.turn(index).magicLinks.open(token, 'f'));
        expect(wins(opened)).toHaveLength(1);
      }));

    it('signs nobody in where another browser opens it: it shows a code that is typed where the sign-in was begun', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.magicLinks.send(user.email, 'begun');
        const { token } = await box.letter();
        expect(await box.house.magicLinks.peek(token, undefined)).toMatchObject({ here: false });
        const opened = await box.house.magicLinks.open(token, undefined);
        if (opened.outcome !== 'elsewhere') throw new Error('signed in in another browser');
        expect((await box.house.codes.verify(user.email, 'other', opened.code)).outcome).toBe('gone');
        expect((await box.house.codes.verify(user.email, 'begun', opened.code)).outcome).toBe('ok');
        await expect(box.house.magicLinks.open(token, 'begun')).rejects.toMatchObject({ code: 'invalid_link' });
      }));

    it('is not ended by one that a stranger asks for', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.magicLinks.send(user.email, 'mine');
        const { token } = await box.letter();
        await box.house.magicLinks.send(user.email, 'theirs');
        await box.letter();
        expect(await box.house.magicLinks.open(token, 'mine')).toMatchObject({ outcome: 'here' });
      }));

    it('is good for fifteen minutes, until a newer one', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.magicLinks.send(user.email, 'f');
        const older = await box.letter();
        await box.house.magicLinks.send(user.email, 'f');
        const newer = await box.letter();
        await expect(box.house.magicLinks.open(older.token, 'f')).rejects.toMatchObject({ code: 'invalid_link' });
        box.house.clock.forward(15 * 60 + 1);
        await expect(box.house.magicLinks.open(newer.token, 'f')).rejects.toMatchObject({ code: 'invalid_link' });
      }));
  });
});
