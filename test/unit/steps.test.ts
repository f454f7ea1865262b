import { describe, expect, it } from '@jest/globals';
import {
  type Facts,
  firstProof,
  nextStep,
  Progress,
  type StepName,
  taken,
  takesWay,
} from '../../src/interaction/steps.js';

const proof = { method: 'password', at: 1_900_000_000 } as const;
const facts: Facts = { accounts: 0, need: { kind: 'first_factor' }, registration: true, askForPasskey: false };
const proved: Partial<Facts> = { need: { kind: 'nothing' } };
const waiting = { registered: { at: 1_900_000_000, waiting: true }, identifier: 'a@example.com' };

const maria = '0190f0f0-0000-7000-8000-00000000000a';
const other = '0190f0f0-0000-7000-8000-00000000000b';
/** An identity provider spoke of the account of Maria, and this one was proved. */
const linkingOf = (user_id: string) => ({
  user_id,
  proofs: [proof],
  linking: {
    sign_in: '0190f0f0-0000-7000-8000-0000000000ee',
    connection: '0190f0f0-0000-7000-8000-0000000000cc',
    user_id: maria,
    name: 'Acme',
  },
});

type Case = [name: string, prompt: string, progress: object, more: Partial<Facts>, next: StepName | 'finish'];

describe('which step is next', () => {
  it.each<Case>([
    ['nothing yet', 'login', {}, {}, 'login'],
    ['whoever is to make an account', 'create', {}, {}, 'register'],
    ['where nobody may', 'create', {}, { registration: false }, 'login'],
    ['whoever has said who they are', 'create', { identifier: 'a@example.com' }, {}, 'login'],
    ['an account was made', 'create', waiting, {}, 'registered'],
    ['an account was made on the way to a sign-in', 'login', waiting, {}, 'registered'],
    ['the letter was read', 'create', { ...waiting, registered: { at: 1, waiting: false } }, {}, 'login'],
    ['a code was sent', 'login', { identifier: 'a@example.com', email_code: true }, {}, 'email_code'],
    ['a link was sent', 'login', { identifier: 'a@example.com', magic_link: true }, {}, 'email_code'],
    ['several accounts', 'select_account', {}, { accounts: 2 }, 'select_account'],
    ['another account', 'select_account', { other_account: true }, { accounts: 2 }, 'login'],
    ['proved', 'create', { proofs: [proof] }, proved, 'finish'],
    [
      'a password of somebody else',
      'login',
      { proofs: [proof], password: { must_change: true, set_at: 1 } },
      proved,
      'change_password',
    ],
    [
      'a second factor before a new password',
      'login',
      { proofs: [proof], password: { must_change: true, set_at: 1 } },
      { need: { kind: 'second_factor', methods: ['totp'], recovery: false } },
      'second_factor',
    ],
    [
      'codes to keep before anything else is set up',
      'login',
      { proofs: [proof], recovery_codes: ['A'] },
      proved,
      'recovery_codes',
    ],
    ['for an organization: nothing proved', 'organization', {}, {}, 'organization'],
    ['for one, with another account', 'organization', { other_account: true }, {}, 'login'],
    [
      'for one, with another account that was proved',
      'organization',
      { other_account: true, proofs: [proof] },
      proved,
      'finish',
    ],
    ['another way in', 'login', { proofs: [proof] }, { need: { kind: 'way', methods: ['passkey'] } }, 'login'],
    [
      'another way in, and a code was sent',
      'login',
      { proofs: [proof], identifier: 'a@example.com', email_code: true },
      { need: { kind: 'way', methods: ['email_code'] } },
      'email_code',
    ],
    [
      'another way in makes no account',
      'create',
      { proofs: [proof] },
      { need: { kind: 'way', methods: ['password'] } },
      'login',
    ],
    ['an account that an identity provider spoke of was proved', 'login', linkingOf(maria), proved, 'link'],
    ['another account was proved instead', 'login', linkingOf(other), proved, 'finish'],
    [
      'the second factor of the account comes before',
      'login',
      linkingOf(maria),
      { need: { kind: 'second_factor', methods: ['totp'], recovery: false } },
      'second_factor',
    ],
    ['nothing of the account was proved yet', 'login', { linking: linkingOf(maria).linking }, {}, 'login'],
    ['time for a passkey', 'login', { proofs: [proof] }, { ...proved, askForPasskey: true }, 'add_passkey'],
  ])('%s', (_name, prompt, progress, more, next) => {
    expect(nextStep(prompt, Progress.parse(progress), { ...facts, ...more })).toBe(next);
  });

  it.each<[StepName | 'finish', string, boolean, string | undefined]>([
    ['login', 'login', true, 'login'],
    ['login', 'register', true, 'register'],
    ['login', 'register', false, undefined],
    ['register', 'login', true, 'login'],
    ['registered', 'login', true, 'login'],
    ['email_code', 'login', true, 'login'],
    ['email_code', 'registered', true, undefined],
    ['second_factor', 'login', true, undefined],
    ['second_factor', 'register', true, undefined],
    ['change_password', 'login', true, undefined],
    ['login', 'second_factor', true, undefined],
    ['login', '__proto__', true, undefined],
    ['finish', 'login', true, 'finish'],
  ])('at %s the form of %s is taken (registration open: %s): %s', (next, wanted, registration, is) => {
    expect(taken(next, wanted, { registration })).toBe(is);
  });
});

describe('a first proof', () => {
  const code = { method: 'email_code', at: 1_900_000_100 } as const;
  const began = Progress.parse({ user_id: maria, proofs: [proof], from_session: { uid: 's', proofs: 1 }, since: 5 });

  it('of the same person is added to what they have proved', () => {
    expect(firstProof(began, maria, code, new Date(9))).toMatchObject({
      user_id: maria,
      proofs: [proof, code],
      from_session: { uid: 's' },
      since: 5,
    });
  });

  it('of anybody else begins the sign-in: nothing of the other session comes along', () => {
    const begun = firstProof(began, other, code, new Date(9));
    expect(begun).toMatchObject({ user_id: other, proofs: [code], since: 9 });
    expect(begun).not.toHaveProperty('from_session');
  });

  it('of anybody else keeps nothing but what was asked for', () => {
    const answered = {
      ...began,
      identifier: 'a@example.com',
      other_account: true,
      email_code: true,
      mailed: true,
      recovery_requested: true,
      registered: { at: 1, waiting: false },
      password: { must_change: false, set_at: 1 },
      enrolled: true,
      can_passkey: true,
      add_passkey: 'answered',
      recovery_codes: ['A'],
      risk: { user_id: maria, decision: 'allow', score: 0, reasons: [] },
      confirmation: 'given',
    };
    expect(JSON.parse(JSON.stringify(firstProof(Progress.parse(answered), other, code)))).toEqual({
      identifier: 'a@example.com',
      other_account: true,
      user_id: other,
      proofs: [code],
    });
  });

  it('keeps which account is to be connected, and only for that one', () => {
    const asked = Progress.parse({ linking: linkingOf(maria).linking });
    expect(firstProof(asked, maria, code)).toHaveProperty('linking');
    expect(firstProof(asked, other, code)).not.toHaveProperty('linking');
  });

  it('is taken where the tenant takes it, and no other where an organization asks for certain ones', () => {
    const policy = { first_factors: ['password' as const, 'passkey' as const] };
    const way = { kind: 'way' as const, methods: ['passkey' as const, 'email_code' as const] };
    const taken = (['password', 'passkey', 'email_code'] as const).map((one) => [
      takesWay({ kind: 'first_factor' }, policy, one),
      takesWay(way, policy, one),
    ]);
    expect(taken).toEqual([
      [true, false],
      [true, true],
      [false, false],
    ]);
  });
});
