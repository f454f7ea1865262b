import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ImportedPasswords } from '../../src/features/credentials/imported-passwords.js';
import type { PasswordService } from '../../src/features/credentials/password.service.js';
import { PasswordCredential } from '../../src/features/credentials/password-credential.entity.js';
import { Hasher } from '../../src/platform/hashing.js';
import { openPasswords } from '../support/passwords.js';
import { kinds } from '../support/postgres.js';
import { at, openHouse } from './house.js';

const password = 'a password from before';
const sha = createHash('sha256').update(password).update('saltsalt').digest();
const ssha = `{SSHA256}${Buffer.concat([sha, Buffer.from('saltsalt')]).toString('base64')}`;
// The test of crypt_blowfish.
const bcrypt = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
const bcryptPassword = 'U*U';

describe.each(kinds)('passwords that came in as hashes (%s)', (kind) => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  let passwords: PasswordService;
  let imported: ImportedPasswords;
  const asked: string[] = [];
  const hasher = new Hasher({ processes: 1, parameters: { timeCost: 1, memoryCost: 8192, parallelism: 1 } });
  const counting = {
    hash: (value: string) => hasher.hash(value),
    needsRehash: (hash: string) => hasher.needsRehash(hash),
    assertRoom: () => hasher.assertRoom(),
    strength: (value: string, words: readonly string[]) => hasher.strength(value, words),
    verify(hash: string, guess: string) {
      asked.push(hash);
      return hasher.verify(hash, guess);
    },
  };
  beforeAll(async () => {
    house = await openHouse(kind);
    ({ passwords, importedPasswords: imported } = openPasswords(house, counting));
  }, 180_000);
  afterAll(async () => {
    await hasher.stop();
    await house?.close();
  });

  let count = 0;
  const someone = async (hash: string | undefined) => {
    count += 1;
    return imported.createUser({ email: `came${count}@example.com` }, hash);
  };
  const stored = async (userId: string) =>
    (await house.db.repo(PasswordCredential).findOneBy({ userId })) as PasswordCredential;
  const asksOf = async (email: string, guess = 'wrong guess') => {
    asked.length = 0;
    const { outcome } = await passwords.verify(email, guess);
    return { outcome, asked: [...asked] };
  };

  it('are good for a sign-in, and ours from then on', () =>
    at(house.tenant, async () => {
      for (const [hash, right, format] of [
        [ssha, password, 'ssha'],
        [bcrypt, bcryptPassword, 'bcrypt'],
      ] as const) {
        const user = await someone(hash);
        expect((await house.eventsOf('password.imported')).at(-1)).toEqual({ user_id: user.id, format, weak: true });
        expect((await passwords.verify(user.email, `${right}!`)).outcome).toBe('failed');
        expect((await stored(user.id)).hash).toBe(hash);
        const { changedAt } = await stored(user.id);
        expect(await passwords.verify(user.email, right)).toMatchObject({
          outcome: 'ok',
          mustChange: false,
          changedAt,
        });
        const renewed = await stored(user.id);
        expect(renewed.hash).toMatch(/^\$argon2id\$/);
        expect(renewed.changedAt).toEqual(changedAt);
        expect((await house.eventsOf('password.rehashed')).at(-1)).toEqual({ user_id: user.id, format });
        expect((await passwords.verify(user.email, right)).outcome).toBe('ok');
        expect((await stored(user.id)).hash).toBe(renewed.hash);
      }
    }));

  it('are hashed anew once, though many come at once', () =>
    at(house.tenant, async () => {
      const user = await someone(ssha);
      const outcomes = await Promise.all(Array.from({ length: 4 }, () => passwords.verify(user.email, password)));
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(Array(4).fill('ok'));
      const events = await house.eventsOf('password.rehashed');
      expect(events.filter(({ user_id }) => user_id === user.id)).toHaveLength(1);
      expect((await passwords.verify(user.email, password)).outcome).toBe('ok');
    }));

  it('give way to a password that is set while the old one is hashed anew', () =>
    at(house.tenant, async () => {
      const user = await someone(ssha);
      const { passwords: slow } = openPasswords(house, {
        ...counting,
        async hash(value: string) {
          if (value === password) await passwords.set(user, 'another pass phrase');
          return hasher.hash(value);
        },
      });
      expect((await slow.verify(user.email, password)).outcome).toBe('ok');
      expect((await passwords.verify(user.email, password)).outcome).toBe('failed');
      expect((await passwords.verify(user.email, 'another pass phrase')).outcome).toBe('ok');
      expect((await stored(user.id)).importedFrom).toBeNull();
    }));

  it('are known again by their origin after they were hashed anew', () =>
    at(house.tenant, async () => {
      const user = await someone(ssha);
      await passwords.verify(user.email, password);
      const credential = await stored(user.id);
      expect(await imported.isFrom(credential, ssha)).toBe(true);
      expect(await imported.isFrom(credential, bcrypt)).toBe(false);
      expect(credential.importedFrom).not.toContain(createHash('sha256').update(ssha).digest('base64url'));
    }));

  it.each([
    ['nothing known', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='],
    ['too much work', bcrypt.replace('$05$', '$20$')],
  ])('are refused where they are %s, and make nobody', (_what, hash) =>
    at(house.tenant, async () => {
      const before = await house.db.repo(PasswordCredential).query('c').getCount();
      const refused = Promise.resolve().then(() => someone(hash));
      await expect(refused).rejects.toMatchObject({
        status: 422,
        details: { issues: [{ pointer: '/password_hash' }] },
      });
      expect(await house.users.findByEmail(`came${count}@example.com`)).toBeUndefined();
      expect(await house.db.repo(PasswordCredential).query('c').getCount()).toBe(before);
    }),
  );

  it('let nobody in with a password longer than any may be, where the hash is that of none', () =>
    at(house.tenant, async () => {
      const empty = Buffer.concat([createHash('sha1').update('').update('salt').digest(), Buffer.from('salt')]);
      const user = await someone(`{SSHA}${empty.toString('base64')}`);
      expect((await passwords.verify(user.email, 'x'.repeat(1025))).outcome).toBe('failed');
    }));

  it('cost a hash of ours and their own; unknown identifiers cost the one or the other, each always the same', () =>
    at(house.tenant, async () => {
      await house.db.manager.query('DELETE FROM password_credentials');
      const bare = await someone(undefined);
      expect((await asksOf('unknown0@example.com')).asked).toHaveLength(1);

      const user = await someone(ssha);
      const known = await asksOf(user.email);
      expect(known.outcome).toBe('failed');
      expect(known.asked).toEqual([expect.stringMatching(/^\$argon2id\$/), ssha]);
      const costs = new Set<number>();
      for (let i = 0; i < 16; i += 1) {
        const first = await asksOf(`unknown${i}@example.com`);
        const second = await asksOf(`unknown${i}@example.com`, 'another guess');
        expect(second).toEqual(first);
        expect(first.asked.slice(1)).toEqual(first.asked.length === 1 ? [] : [ssha]);
        costs.add(first.asked.length);
      }
      expect([...costs].sort()).toEqual([1, 2]);
      expect((await asksOf(bare.email)).asked.length).toBeGreaterThanOrEqual(1);
    }));

  it('open no other account: what stands in for an unknown one is right for nobody', () =>
    at(house.tenant, async () => {
      await someone(ssha);
      const bare = await someone(undefined);
      for (let i = 0; i < 8; i += 1)
        expect((await passwords.verify(`stranger${i}@example.com`, password)).outcome).toBe('failed');
      expect((await passwords.verify(bare.email, password)).outcome).toBe('failed');
    }));

  it('leave the people of a tenant that has none at one hash each', () =>
    at(house.tenant, async () => {
      await someone(ssha);
      const ours = await someone(undefined);
      await passwords.set(ours, 'a decent pass phrase');
      expect((await asksOf(ours.email)).asked).toHaveLength(1);
    }));
});
