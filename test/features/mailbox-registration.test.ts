import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { kinds } from '../support/postgres.js';
import { at } from './house.js';
import { fifty, MailboxHouse, wins } from './mailbox-house.js';

const password = 'quiet river stone';

describe.each(kinds)('registration, by way of the mailbox (%s)', (kind) => {
  const box = new MailboxHouse(kind);
  beforeAll(() => box.open(), 60_000);
  afterEach(() => void jest.restoreAllMocks());
  afterAll(() => box.house.close());

  describe('registration', () => {
    const register = (email: string, flow = 'mine', secret = password) =>
      box.house.registration.register({ email, password: secret, flow });

    it('makes an unverified user whose address one click of the owner proves, once', () =>
      box.inside(async () => {
        const email = box.someone();
        await register(email);
        expect(await box.house.users.findByEmail(email)).toMatchObject({ emailVerified: false, roles: [] });
        const { template, token } = await box.letter();
        expect(template).toBe('verify_email');
        await box.house.verification.peek(token);
        const confirmed = await fifty((index) => box.turn(index).verification.confirm(token, { flow: 'mine' }));
        expect(wins(confirmed)).toHaveLength(1);
        expect(await box.house.users.findByEmail(email)).toMatchObject({ emailVerified: true });
        expect((await box.house.passwords.verify(email, password)).outcome).toBe('ok');
      }));

    it('makes one account of fifty that are made for one address at once', () =>
      box.inside(async () => {
        const email = box.someone();
        const made = await fifty((index) =>
          box.turn(index).registration.register({ email, password: `${password} ${index}`, flow: `${index}` }),
        );
        expect(wins(made)).toHaveLength(50);
        const rows = await box.house.db.dataSource.query('SELECT 1 FROM users WHERE email = $1', [email]);
        expect(rows).toHaveLength(1);
        box.house.outbox.length = 0;
        for (const other of box.house.others) other.outbox.length = 0;
      }));

    it('of an address that has an account changes nothing about it, and tells its owner alone', () =>
      box.inside(async () => {
        const user = await box.person();
        await box.house.passwords.set(user, password);
        await register(user.email, 'theirs', 'another river stone');
        expect((await box.letter()).template).toBe('registration_existing');
        expect((await box.house.passwords.verify(user.email, password)).outcome).toBe('ok');
        expect((await box.house.passwords.verify(user.email, 'another river stone')).outcome).toBe('failed');
        expect(await box.house.eventsOf('registration.repeated')).toContainEqual({ user_id: user.id });
      }));

    it('is refused where it is not open, for no address and for a password that cannot be chosen', async () => {
      const closed = await box.house.tenants.create({ slug: `closed-${kind}`, name: 'Closed' });
      await at(closed, () => expect(register(box.someone())).rejects.toMatchObject({ code: 'registration_closed' }));
      await box.inside(async () => {
        await expect(register('no address')).rejects.toMatchObject({ status: 422 });
        await expect(register(box.someone(), 'f', 'password123')).rejects.toMatchObject({ status: 422 });
      });
    });

    describe('by somebody else than the owner of the address (the account they prepared is not theirs)', () => {
      it.each([
        [
          'the link',
          async (email: string, token: string) => {
            expect(email).toBeTruthy();
            expect(await box.house.verification.confirm(token)).toMatchObject({ disowned: true });
          },
        ],
        [
          'a code',
          async (email: string) => {
            await box.house.codes.send(email, 'owner');
            const { code } = await box.letter();
            expect((await box.house.codes.verify(email, 'owner', code)).outcome).toBe('ok');
          },
        ],
        [
          'a magic link',
          async (email: string) => {
            await box.house.magicLinks.send(email, 'owner');
            const { token } = await box.letter();
            expect((await box.house.magicLinks.open(token, 'owner')).outcome).toBe('here');
          },
        ],
        [
          'a new password',
          async (email: string) => {
            await box.house.forgotten.request(email);
            const { token } = await box.letter();
            await box.house.links.redeem(token, 'the owners own words');
            expect((await box.house.passwords.verify(email, 'the owners own words')).outcome).toBe('ok');
          },
        ],
      ] as const)('loses its credentials and sessions when the owner proves it by %s', (_name, prove) =>
        box.inside(async () => {
          const email = box.someone();
          await register(email, 'attacker');
          const { token } = await box.letter();
          box.house.ended.length = 0;
          await prove(email, token);
          const user = await box.house.users.findByEmail(email);
          expect(user).toMatchObject({ emailVerified: true });
          expect(box.house.ended).toContain(user?.id);
          expect((await box.house.passwords.verify(email, password)).outcome).toBe('failed');
        }),
      );

      it('stays with whoever shows its password in another browser, and the link stays good after a wrong one', () =>
        box.inside(async () => {
          const email = box.someone();
          await register(email);
          const { token } = await box.letter();
          await expect(box.house.verification.confirm(token, { password: 'not it at all' })).rejects.toMatchObject({
            code: 'wrong_password',
          });
          expect(await box.house.verification.confirm(token, { password })).toMatchObject({ disowned: false });
          expect((await box.house.passwords.verify(email, password)).outcome).toBe('ok');
        }));

      it('keeps what was added after the proof', () =>
        box.inside(async () => {
          const email = box.someone();
          await register(email);
          const { token } = await box.letter();
          await box.house.verification.confirm(token, { flow: 'mine' });
          await box.house.magicLinks.send(email, 'another');
          await box.house.magicLinks.open((await box.letter()).token, 'another');
          expect((await box.house.passwords.verify(email, password)).outcome).toBe('ok');
        }));
    });

    it('proves the address it was sent to, and no other that the account was given meanwhile', () =>
      box.inside(async () => {
        const email = box.someone();
        const before = await box.house.users.create({ email });
        const other = box.someone();
        await box.house.users.update(before, { email: other });
        await expect(box.house.proof.proved(before, { flow: undefined })).rejects.toMatchObject({
          code: 'invalid_link',
        });
        expect(await box.house.users.findByEmail(other)).toMatchObject({ emailVerified: false });
      }));

    it('sends the link again, and the older one dies; a proved address gets none', () =>
      box.inside(async () => {
        const email = box.someone();
        await register(email);
        const older = await box.letter();
        await box.house.verification.resend(email);
        const newer = await box.letter();
        await expect(box.house.verification.confirm(older.token)).rejects.toMatchObject({ code: 'invalid_link' });
        await box.house.verification.confirm(newer.token, { flow: 'mine' });
        await box.house.verification.resend(email);
        expect(await box.lastLetter()).toBeUndefined();
      }));
  });
});
