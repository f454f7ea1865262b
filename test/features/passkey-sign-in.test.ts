import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuthenticationResponse } from '../../src/features/credentials/passkey.schema.js';
import type { User } from '../../src/features/users/user.entity.js';
import { Authenticator, type Behaviour } from '../support/authenticator.js';
import { kinds } from '../support/postgres.js';
import { at } from './house.js';
import { openPasskeyHouse, origin } from './passkey-house.js';

describe.each(kinds)('a passkey is used (WebAuthn §7.2, %s)', (kind) => {
  let house: Awaited<ReturnType<typeof openPasskeyHouse>>;
  let holder: Awaited<ReturnType<typeof house.holder>>;
  beforeAll(async () => {
    house = await openPasskeyHouse(kind, kind === 'postgres' ? 2 : 1);
  }, 180_000);
  afterAll(() => house.close());
  beforeEach(() =>
    at(house.tenant, async () => {
      holder = await house.holder();
    }),
  );

  const inTenant = (work: () => Promise<void>) => () => at(house.tenant, work);
  const answer = async (told: Behaviour = {}, user?: User, flow = 'flow') =>
    holder.authenticator.get(await house.ceremonies.authenticationOptions(flow, user), told);
  const signIn = async (told: Behaviour = {}, user?: User) =>
    house.ceremonies.authenticate('flow', await answer(told, user), user);
  const lastReason = async () => ((await house.eventsOf('sign_in.failed')).at(-1) as { reason?: string })?.reason;

  it(
    'lets in whoever holds a discoverable credential, and says how',
    inTenant(async () => {
      const result = await signIn({ counter: 1 });
      expect(result).toMatchObject({ verified: true, device_bound: true });
      expect(result?.user.id).toBe(holder.user.id);
      expect((await house.passkeys.find(holder.user, holder.passkey.credentialId)).lastUsedAt).toBeInstanceOf(Date);
    }),
  );

  it(
    'asks everybody the same at first, and names the credentials of a known person only (§14.6.2)',
    inTenant(async () => {
      const first = await house.ceremonies.authenticationOptions('one');
      const second = await house.ceremonies.authenticationOptions('two');
      expect({ ...first, challenge: '' }).toEqual({ ...second, challenge: '' });
      expect(first).toMatchObject({ rpId: 'id.example.com', allowCredentials: [], userVerification: 'required' });
      const known = await house.ceremonies.authenticationOptions('one', holder.user);
      expect(known.allowCredentials).toEqual([
        { id: holder.passkey.credentialId, type: 'public-key', transports: ['internal', 'hybrid'] },
      ]);
    }),
  );

  it(
    'takes one answer of 50 that come at once, in two processes',
    inTenant(async () => {
      const response = await answer({ counter: 0 });
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, i) => house.all[i % house.all.length]?.authenticate('flow', response)),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
    }),
  );

  it(
    'spends a challenge with the first answer, a wrong one included',
    inTenant(async () => {
      const options = await house.ceremonies.authenticationOptions('flow');
      const wrong = holder.authenticator.get(options, { origin: 'https://evil.example' });
      expect(await house.ceremonies.authenticate('flow', wrong)).toBeUndefined();
      const right = holder.authenticator.get(options, { counter: 1 });
      expect(await house.ceremonies.authenticate('flow', right)).toBeUndefined();
      expect(await lastReason()).toBe('stale_challenge');
    }),
  );

  it(
    'takes an answer for ten minutes (C17)',
    inTenant(async () => {
      const early = await answer();
      house.clock.forward(598);
      expect(await house.ceremonies.authenticate('flow', early)).toBeDefined();
      const late = await answer();
      house.clock.forward(600);
      expect(await house.ceremonies.authenticate('flow', late)).toBeUndefined();
      expect(await lastReason()).toBe('stale_challenge');
    }),
  );

  it(
    'takes no challenge of another flow, purpose, person or tenant, nor one that was made up',
    inTenant(async () => {
      const other = await house.holder();
      const elsewhere = await house.tenants.create({ slug: `keys-${kind}-${Date.now()}`, name: 'Other' });
      const foreign = await at(elsewhere, () => house.ceremonies.authenticationOptions('flow'));
      const { challenge: registration } = await house.ceremonies.registrationOptions(holder.user, 'flow');
      const { challenge } = await house.ceremonies.authenticationOptions('flow');
      const last = challenge.endsWith('A') ? 'B' : 'A';
      const responses = [
        await answer({}, undefined, 'another flow'),
        await answer({}, holder.user),
        await answer({}, other.user),
        await answer({ challenge: foreign.challenge }),
        await answer({ challenge: registration }),
        await answer({ challenge: challenge.slice(0, -1) + last }),
        await answer({ challenge: `${challenge}=` }),
        await answer({ challenge: '' }),
        await answer({ challenge: Buffer.alloc(70).toString('base64url') }),
      ];
      for (const response of responses) {
        expect(await house.ceremonies.authenticate('flow', response)).toBeUndefined();
        expect(await lastReason()).toBe('stale_challenge');
      }
    }),
  );

  it.each<[string, Behaviour, string]>([
    ['another origin', { origin: 'https://evil.example' }, 'wrong_passkey'],
    ['the origin in clear text', { origin: 'http://id.example.com' }, 'wrong_passkey'],
    ['another RP ID', { rpId: 'example.com' }, 'wrong_passkey'],
    ['another ceremony', { type: 'webauthn.create' }, 'wrong_passkey'],
    ['a page inside another one', { crossOrigin: true }, 'stale_challenge'],
    ['a page inside another one that is named', { topOrigin: 'https://evil.example' }, 'stale_challenge'],
    ['nobody present', { present: false }, 'wrong_passkey'],
    ['nobody verified, alone', { verified: false }, 'not_verified'],
    ['no user handle, alone', { userHandle: null }, 'unknown_passkey'],
    ['the handle of nobody', { userHandle: 'AAAA' }, 'unknown_passkey'],
    ['backup that was not eligible', { backupEligible: true }, 'wrong_passkey'],
    ['backed up without being eligible', { backedUp: true }, 'wrong_passkey'],
  ])('refuses %s, and only the audit log knows why', (_name, told, reason) =>
    at(house.tenant, async () => {
      expect(await signIn(told)).toBeUndefined();
      expect(await lastReason()).toBe(reason);
    }),
  );

  it(
    'refuses a signature of another key, a changed one, and a credential nobody has',
    inTenant(async () => {
      const other = new Authenticator({ origin });
      const made = await house.ceremonies.registrationOptions(holder.user, 'flow');
      other.create(made);
      const stranger = other.get(await house.ceremonies.authenticationOptions('flow'));
      const changed = await answer();
      const signature = `${changed.response.signature.slice(0, -4)}AAAA`;
      const responses: AuthenticationResponse[] = [
        stranger,
        { ...stranger, id: holder.passkey.credentialId, rawId: holder.passkey.credentialId },
        { ...changed, response: { ...changed.response, signature } },
      ];
      for (const response of responses) expect(await house.ceremonies.authenticate('flow', response)).toBeUndefined();
    }),
  );

  it(
    'refuses a disabled person',
    inTenant(async () => {
      await house.users.disable(holder.user);
      expect(await signIn()).toBeUndefined();
      expect(await lastReason()).toBe('disabled');
    }),
  );

  it(
    'refuses and flags a signature counter that went back or stood still, and goes on with a higher one (§6.1.1)',
    inTenant(async () => {
      expect(await signIn({ counter: 7 })).toBeDefined();
      for (const counter of [7, 6, 0]) {
        expect(await signIn({ counter })).toBeUndefined();
        expect(await lastReason()).toBe('counter_regressed');
        expect((await house.eventsOf('passkey.flagged')).at(-1)).toMatchObject({ stored: 7, presented: counter });
      }
      expect((await house.passkeys.find(holder.user, holder.passkey.credentialId)).flaggedAt).toBeInstanceOf(Date);
      expect(await signIn({ counter: 8 })).toBeDefined();
    }),
  );

  it(
    'lets a counter pass once where two answers carry it at the same time',
    inTenant(async () => {
      const responses = await Promise.all(Array.from({ length: 20 }, () => answer({ counter: 9 })));
      const results = await Promise.all(
        responses.map((response, i) => house.all[i % house.all.length]?.authenticate('flow', response)),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
    }),
  );

  it(
    'comes second for its owner only, unlocked or not',
    inTenant(async () => {
      const other = await house.holder();
      expect(await signIn({ verified: false, userHandle: null }, holder.user)).toMatchObject({ verified: false });
      const options = await house.ceremonies.authenticationOptions('flow', other.user);
      const foreign = holder.authenticator.get(options);
      expect(await house.ceremonies.authenticate('flow', foreign, other.user)).toBeUndefined();
      expect(await lastReason()).toBe('unknown_passkey');
    }),
  );

  it(
    'opens nothing alone where it was made without its holder being verified, until it was unlocked after another proof (uvInitialized)',
    inTenant(async () => {
      const key = new Authenticator({ origin, verified: false });
      holder = { ...holder, authenticator: key, passkey: await house.add(holder.user, key) };
      expect(await signIn({ verified: true })).toBeUndefined();
      expect(await lastReason()).toBe('not_verified');
      expect(await signIn({ verified: true }, holder.user)).toMatchObject({ verified: true });
      expect(await signIn({ verified: true })).toMatchObject({ verified: true });
    }),
  );

  it(
    'knows what never leaves its device from what is synchronised (§6.1.3)',
    inTenant(async () => {
      holder = await house.holder({ backupEligible: true, backedUp: true });
      expect(await signIn()).toMatchObject({ device_bound: false });
      expect(await signIn({ backedUp: false })).toMatchObject({ device_bound: false });
      const { backedUp } = await house.passkeys.find(holder.user, holder.passkey.credentialId);
      expect(backedUp).toBe(false);
    }),
  );
});
