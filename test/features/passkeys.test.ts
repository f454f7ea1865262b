import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Authenticator, type Behaviour } from '../support/authenticator.js';
import { kinds } from '../support/postgres.js';
import { at } from './house.js';
import { openPasskeyHouse, origin } from './passkey-house.js';

const yubikey = 'cb69481e-8ff7-4039-93ec-0a2729a154a8';
const google = 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4';

describe.each(kinds)('a passkey is made and kept (WebAuthn §7.1, %s)', (kind) => {
  let house: Awaited<ReturnType<typeof openPasskeyHouse>>;
  let people = 0;
  beforeAll(async () => {
    house = await openPasskeyHouse(kind, kind === 'postgres' ? 2 : 1);
  }, 180_000);
  afterAll(() => house.close());

  const inTenant = (work: () => Promise<void>) => () => at(house.tenant, work);
  const person = () => house.users.create({ email: `person-${++people}@example.com`, claims: { name: 'Ada' } });
  const authenticator = () => new Authenticator({ origin });

  async function make(told: Behaviour = {}) {
    const user = await person();
    const options = await house.ceremonies.registrationOptions(user, 'flow');
    const made = await house.ceremonies.register(user, 'flow', authenticator().create(options, told));
    return { user, made };
  }

  it(
    'offers a random user handle, the same each time, and excludes what is there',
    inTenant(async () => {
      const { user, passkey } = await house.holder();
      const options = await house.ceremonies.registrationOptions(user, 'flow');
      const again = await house.ceremonies.registrationOptions(user, 'flow');
      expect(options.user.id).toBe(again.user.id);
      expect(Buffer.from(options.user.id, 'base64url')).toHaveLength(32);
      expect(Buffer.from(options.user.id, 'base64url').toString()).not.toContain(user.id);
      expect(options.excludeCredentials?.map(({ id }) => id)).toEqual([passkey.credentialId]);
      expect(options).toMatchObject({ rp: { id: 'id.example.com' }, attestation: 'none', timeout: 300_000 });
      expect(options.pubKeyCredParams.map(({ alg }) => alg)).toEqual([-7, -8, -257]);
    }),
  );

  it(
    'gives one handle to a person who begins in two places at once, and in each tenant another',
    inTenant(async () => {
      const user = await person();
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, i) => house.all[i % house.all.length]?.registrationOptions(user, 'flow')),
      );
      expect(new Set(all.map((one) => one?.user.id)).size).toBe(1);
    }),
  );

  it(
    'keeps what a list shows and what a sign-in needs',
    inTenant(async () => {
      const { user, made } = await make({ aaguid: google, backupEligible: true, backedUp: true, counter: 3 });
      expect(made.outcome).toBe('ok');
      expect(await house.passkeys.of(user.id)).toMatchObject([
        { name: 'Google Password Manager', aaguid: google, backedUp: true, uvInitialized: true, signCount: '3' },
      ]);
      expect((await house.eventsOf('passkey.added')).at(-1)).toMatchObject({ aaguid: google, device_bound: false });
    }),
  );

  it(
    'takes one of 50 answers with one challenge, in two processes',
    inTenant(async () => {
      const user = await person();
      const options = await house.ceremonies.registrationOptions(user, 'flow');
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          house.all[i % house.all.length]?.register(user, 'flow', authenticator().create(options)),
        ),
      );
      expect(results.filter((one) => one?.outcome === 'ok')).toHaveLength(1);
      expect(await house.passkeys.of(user.id)).toHaveLength(1);
    }),
  );

  it(
    'takes an answer for five minutes (C17)',
    inTenant(async () => {
      const user = await person();
      const early = await house.ceremonies.registrationOptions(user, 'flow');
      house.clock.forward(298);
      expect((await house.ceremonies.register(user, 'flow', authenticator().create(early))).outcome).toBe('ok');
      const late = await house.ceremonies.registrationOptions(user, 'flow');
      house.clock.forward(300);
      expect((await house.ceremonies.register(user, 'flow', authenticator().create(late))).outcome).toBe('failed');
    }),
  );

  it(
    'takes no challenge of another flow, purpose or person',
    inTenant(async () => {
      const user = await person();
      const options = await house.ceremonies.registrationOptions(user, 'flow');
      const { challenge } = await house.ceremonies.authenticationOptions('flow', user);
      const elsewhere = await house.ceremonies.registrationOptions(user, 'elsewhere');
      const foreign = await house.ceremonies.registrationOptions(await person(), 'flow');
      for (const told of [{ challenge }, { challenge: elsewhere.challenge }, { challenge: foreign.challenge }]) {
        const response = authenticator().create(options, told);
        expect((await house.ceremonies.register(user, 'flow', response)).outcome).toBe('failed');
      }
      expect(await house.passkeys.of(user.id)).toEqual([]);
    }),
  );

  it.each<[string, Behaviour]>([
    ['another origin', { origin: 'https://evil.example' }],
    ['another RP ID', { rpId: 'example.com' }],
    ['another ceremony', { type: 'webauthn.get' }],
    ['a page inside another one', { crossOrigin: true }],
    ['nobody present', { present: false }],
    ['backed up without being eligible', { backedUp: true }],
  ])('refuses %s', (_name, told) =>
    at(house.tenant, async () => expect((await make(told)).made).toEqual({ outcome: 'failed' })),
  );

  it(
    'refuses an id that is registered already, and the id beside another one (§7.1 step 26)',
    inTenant(async () => {
      const { authenticator: one, passkey } = await house.holder();
      const user = await person();
      const options = await house.ceremonies.registrationOptions(user, 'flow');
      const response = one.create(options);
      const renamed = { ...response, id: passkey.credentialId, rawId: passkey.credentialId };
      expect(await house.ceremonies.register(user, 'flow', renamed)).toEqual({ outcome: 'failed' });

      const twice = await house.ceremonies.registrationOptions(user, 'flow');
      const known = authenticator();
      const first = known.create(twice);
      expect((await house.ceremonies.register(user, 'flow', first)).outcome).toBe('ok');
      const other = await person();
      const taken = await house.ceremonies.registrationOptions(other, 'flow');
      const again = known.create(taken, { credentialId: first.id });
      expect(await house.ceremonies.register(other, 'flow', again)).toEqual({ outcome: 'known' });
    }),
  );

  describe('where the tenant is particular about makes', () => {
    const policy = (passkeys: object) =>
      house.tenants.update(house.tenant, { settings: { authentication: { passkeys } } } as never);

    it(
      'refuses a make that is not listed, and one that is only claimed where it has to be proved',
      inTenant(async () => {
        try {
          await policy({ allowed_aaguids: [yubikey] });
          expect((await make({ aaguid: google })).made).toEqual({ outcome: 'not_allowed' });
          expect((await make({ aaguid: yubikey })).made.outcome).toBe('ok');
          await policy({ attestation: 'direct' });
          const options = await house.ceremonies.registrationOptions(await person(), 'flow');
          expect(options.attestation).toBe('direct');
          expect((await make({ aaguid: yubikey })).made).toEqual({ outcome: 'not_allowed' });
          expect((await make({ attestation: 'packed' })).made).toEqual({ outcome: 'not_allowed' });
        } finally {
          await house.tenants.update(house.tenant, { settings: { authentication: null } });
        }
      }),
    );
  });

  it(
    'ends at twenty',
    inTenant(async () => {
      const { user, authenticator: one } = await house.holder();
      for (let i = 1; i < 20; i += 1) await house.add(user, one);
      const options = await house.ceremonies.registrationOptions(user, 'flow');
      expect(await house.ceremonies.register(user, 'flow', one.create(options))).toEqual({ outcome: 'too_many' });
    }),
  );

  it(
    'is renamed and removed by its owner only',
    inTenant(async () => {
      const { user, passkey, authenticator: one } = await house.holder();
      const other = await house.holder();
      await expect(house.passkeys.find(other.user, passkey.credentialId)).rejects.toMatchObject({ status: 404 });
      await house.passkeys.rename(passkey, 'Blue key');
      await expect(house.passkeys.rename(passkey, 'a\u202eb')).rejects.toThrow();
      expect((await house.passkeys.of(user.id)).map(({ name }) => name)).toEqual(['Blue key']);
      await house.add(user, one);
      await expect(house.passkeys.remove(other.user, passkey)).rejects.toMatchObject({ status: 404 });
      await house.passkeys.remove(user, passkey);
      expect(await house.passkeys.of(user.id)).toHaveLength(1);
      expect((await house.eventsOf('passkey.removed')).at(-1)).toEqual({
        user_id: user.id,
        credential_id: passkey.credentialId,
        added_at: passkey.createdAt.toISOString(),
      });
    }),
  );

  it(
    'keeps the last way in where two are removed at once',
    inTenant(async () => {
      const { user, passkey, authenticator: one } = await house.holder();
      const second = await house.add(user, one);
      const results = await Promise.allSettled([passkey, second].map((which) => house.passkeys.remove(user, which)));
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const [left] = await house.passkeys.of(user.id);
      if (!left) throw new Error('none is left');
      await expect(house.passkeys.remove(user, left)).rejects.toMatchObject({ code: 'last_way_in' });
      await house.passwords.set(user, 'quiet river stone');
      await house.passkeys.remove(user, left);
      expect(await house.passkeys.of(user.id)).toEqual([]);
    }),
  );

  it(
    'goes with its account',
    inTenant(async () => {
      const { user } = await house.holder();
      await house.users.delete(user);
      expect(await house.passkeys.of(user.id)).toEqual([]);
    }),
  );
});
