import { describe, expect, it } from '@jest/globals';
import { assuranceOf, type Proof, proofsOf, strength } from '../../src/features/authentication/assurance.js';

const at = 1_900_000_000;
const proof = (method: Proof['method'], more: Partial<Proof> = {}): Proof => ({ method, at, ...more });
const synced = proof('passkey', { verified: true });
const bound = proof('passkey', { verified: true, device_bound: true });
const key = proof('passkey', { device_bound: true });
const connection = '0190f0f0-0000-7000-8000-0000000000cc';
const other = '0190f0f0-0000-7000-8000-0000000000dd';
const fed = proof('connection', { connection });
const trusted = proof('connection', { connection, mfa: true });

describe('the class of an authentication (acr) and its methods (RFC 8176)', () => {
  it.each<[string, Proof[], string, string[]]>([
    ['a password', [proof('password')], '1fa', ['pwd']],
    ['a code by mail', [proof('email_code')], '1fa', ['otp']],
    ['a link by mail', [proof('magic_link')], '1fa', ['otp']],
    ['two by the same mailbox', [proof('magic_link'), proof('email_code')], '1fa', ['otp']],
    ['a code of an authenticator alone', [proof('totp')], '1fa', ['otp']],
    ['a recovery code after a code of an authenticator', [proof('totp'), proof('recovery_code')], '1fa', ['otp']],
    ['a passkey that nobody unlocked', [proof('passkey')], '1fa', ['swk', 'user']],
    ['a password and a code of an authenticator', [proof('password'), proof('totp')], 'mfa', ['pwd', 'otp', 'mfa']],
    ['a password and a recovery code', [proof('password'), proof('recovery_code')], 'mfa', ['pwd', 'otp', 'mfa']],
    ['a password and the mailbox', [proof('password'), proof('email_code')], 'mfa', ['pwd', 'otp', 'mfa']],
    ['the mailbox and an authenticator', [proof('magic_link'), proof('totp')], 'mfa', ['otp', 'mfa']],
    ['a passkey', [synced], 'phr', ['swk', 'user', 'mfa']],
    ['a password and a passkey', [proof('password'), proof('passkey')], 'phr', ['pwd', 'swk', 'user', 'mfa']],
    ['a passkey that stays on its device', [bound], 'phrh', ['hwk', 'user', 'mfa']],
    ['an identity provider', [fed], '1fa', ['fed']],
    ['an identity provider that asked for several factors', [trusted], 'mfa', ['fed', 'mfa']],
    ['an identity provider and a password', [fed, proof('password')], '1fa', ['fed', 'pwd']],
    ['an identity provider and a code of an authenticator', [fed, proof('totp')], 'mfa', ['fed', 'otp', 'mfa']],
    ['an identity provider and a passkey', [fed, proof('passkey')], 'phr', ['fed', 'swk', 'user', 'mfa']],
    ['two identity providers', [fed, proof('connection', { connection: other })], '1fa', ['fed']],
    ['a password and a security key', [proof('password'), key], 'phrh', ['pwd', 'hwk', 'user', 'mfa']],
  ])('%s', (_name, proofs, acr, amr) => {
    expect(assuranceOf(proofs)).toEqual({ acr: `urn:ostiary:acr:${acr}`, amr, ts: at });
  });

  it('is the same again when it is read back from what a session says of itself, whatever was proved', () => {
    const all = [
      ...(['password', 'email_code', 'magic_link', 'totp', 'recovery_code', 'passkey'] as const).map((one) =>
        proof(one),
      ),
      ...[synced, bound, key],
    ];
    for (let chosen = 1; chosen < 2 ** all.length; chosen += 1) {
      const proofs = all.filter((_one, index) => chosen & (1 << index));
      const { acr, amr, ts } = assuranceOf(proofs);
      const again = assuranceOf(proofsOf({ amr, ts }));
      expect([proofs, again.acr]).toEqual([proofs, acr]);
    }
  });

  it('of an identity provider is read back from nothing but the ledger: for whom it counts is said nowhere else', () => {
    for (const proofs of [[fed], [trusted], [fed, proof('totp')], [fed, proof('password')]])
      expect(proofsOf(assuranceOf(proofs))).toEqual([]);
  });

  it('is as old as its oldest proof', () => {
    expect(assuranceOf([proof('totp', { at: at + 60 }), proof('password')]).ts).toBe(at);
  });

  it('is none where nothing was proved', () => {
    expect(() => assuranceOf([])).toThrow('nothing was proved');
  });

  it('is ordered by strength, and a foreign class is weaker than all', () => {
    const classes = [
      'urn:mace:incommon:iap:silver',
      ...['1fa', 'mfa', 'phr', 'phrh'].map((name) => `urn:ostiary:acr:${name}`),
    ];
    expect(classes.map(strength)).toEqual([-1, 0, 1, 2, 3]);
  });
});
