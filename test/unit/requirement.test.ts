import { describe, expect, it } from '@jest/globals';
import type { Proof } from '../../src/features/authentication/assurance.js';
import { needOf, needOfChange, type Situation } from '../../src/features/authentication/requirement.js';
import { AuthenticationPolicy } from '../../src/features/tenants/authentication-policy.js';

const at = 1_900_000_000;
const proof = (method: Proof['method'], more: Partial<Proof> = {}): Proof => ({ method, at, ...more });
const pwd = proof('password');
const totp = proof('totp');
const code = proof('recovery_code');
const passkey = proof('passkey', { verified: true });
const acr = (name: string, essential = true) => ({ acr: `urn:ostiary:acr:${name}` as never, essential });

const none = { totp: false, passkeys: [], recovery_codes: 0 };
const withTotp = { ...none, totp: true, recovery_codes: 10 };
const withPasskey = { ...none, passkeys: [{ device_bound: false }] };
const withBoth = { ...withTotp, ...{ passkeys: [{ device_bound: false }] } };
const required = { multi_factor: 'required' } as const;

type Case = [
  name: string,
  given: Partial<Omit<Situation, 'policy'>> & { policy?: object },
  need: string,
  methods?: string[],
];

const nothing = 'nothing';
const second = 'second_factor';
const enrolment = 'enrolment';

describe('what is still to be proved', () => {
  it.each<Case>([
    ['nothing yet', { proofs: [] }, 'first_factor'],
    ['a password, where there is nothing else', {}, nothing],
    ['a password, where there is an authenticator', { has: withTotp }, second, ['totp']],
    [
      'a password, where there is an authenticator and factors are off',
      { has: withTotp, policy: { multi_factor: 'off' } },
      nothing,
    ],
    ['a password, in a remembered browser', { has: withTotp, remembered: true }, nothing],
    ['a password and a code', { proofs: [pwd, totp], has: withTotp }, nothing],
    ['a passkey is two factors', { proofs: [passkey], has: withBoth }, nothing],
    ['a link by mail', { proofs: [proof('magic_link')], has: withTotp }, second, ['totp']],
    ['a code by mail', { proofs: [proof('email_code')], has: withPasskey }, second, ['passkey']],

    ['required and there', { policy: required, has: withTotp }, second, ['totp']],
    ['required and not there', { policy: required }, enrolment, ['passkey', 'totp']],
    ['required, in a remembered browser', { policy: required, has: withTotp, remembered: true }, nothing],
    [
      'required, in a browser that is remembered for a factor that is not taken any more',
      { policy: { ...required, second_factors: ['passkey'] }, has: withTotp, remembered: true },
      enrolment,
      ['passkey'],
    ],
    [
      'required, in a remembered browser, and asked for more than the mailbox that came first',
      {
        proofs: [proof('email_code')],
        policy: { ...required, second_factors: ['email_code', 'totp'] },
        remembered: true,
        asked: acr('mfa', false),
      },
      enrolment,
      ['totp'],
    ],
    [
      'required, where the mailbox may be second',
      { policy: { ...required, second_factors: ['email_code', 'totp'] } },
      second,
      ['email_code'],
    ],
    [
      'required, where the mailbox came first already',
      { proofs: [proof('magic_link')], policy: { ...required, second_factors: ['email_code', 'totp'] } },
      enrolment,
      ['totp'],
    ],
    [
      'required, where a code by mail came first',
      { proofs: [proof('email_code')], policy: { ...required, second_factors: ['email_code'] } },
      nothing,
    ],
    ['what was lost was taken away: another one', { recovered: true }, enrolment, ['passkey', 'totp']],
    ['what was lost was taken away, and there is another one', { recovered: true, has: withTotp }, second, ['totp']],
    ['what was lost was taken away, and replaced here', { recovered: true, enrolled: true }, nothing],
    [
      'what was lost was taken away, where factors are off',
      { recovered: true, policy: { multi_factor: 'off' } },
      nothing,
    ],
    [
      'required and only passkeys are allowed',
      { policy: { ...required, second_factors: ['passkey'] }, has: withTotp },
      enrolment,
      ['passkey'],
    ],

    [
      'required, and a class asked for if possible that is out of reach',
      { policy: required, asked: acr('phrh', false) },
      enrolment,
      ['passkey', 'totp'],
    ],
    [
      'required, and an essential class that nothing here reaches',
      { policy: { ...required, second_factors: ['totp'] }, asked: acr('phr') },
      enrolment,
      ['totp'],
    ],
    [
      'not required, and an essential class that nothing here reaches',
      { policy: { second_factors: ['totp'] }, asked: acr('phr') },
      nothing,
    ],
    [
      'required and proved, and a class asked for if possible',
      { proofs: [pwd, totp], policy: required, has: withTotp, asked: acr('phrh', false) },
      nothing,
    ],

    ['asked for mfa, remembered or not', { has: withTotp, remembered: true, asked: acr('mfa') }, second, ['totp']],
    ['asked for mfa, with nothing to prove it', { asked: acr('mfa') }, enrolment, ['passkey', 'totp']],
    ['asked for mfa if possible', { asked: acr('mfa', false) }, nothing],
    [
      'required, and asked for phr if possible',
      { policy: required, asked: acr('phr', false) },
      enrolment,
      ['passkey', 'totp'],
    ],
    [
      'required, and asked for what cannot be set up',
      { policy: { ...required, second_factors: ['totp'] }, asked: acr('phrh') },
      enrolment,
      ['totp'],
    ],
    ['doubted, with an authenticator', { has: withTotp, doubted: true }, second, ['totp']],
    [
      'doubted, with an authenticator, remembered and off',
      { has: withTotp, remembered: true, doubted: true, policy: { multi_factor: 'off' } },
      second,
      ['totp'],
    ],
    ['doubted, with nothing but a mailbox', { doubted: true, mailbox: true }, 'mailbox'],
    [
      'doubted, with an authenticator: the mailbox does not do',
      { has: withTotp, doubted: true, mailbox: true },
      second,
    ],
    ['doubted, and nothing is to be set up before', { doubted: true, mailbox: true, policy: required }, 'mailbox'],
    ['doubted, and the mailbox has answered', { doubted: true }, nothing],
    ['doubted and required, and the mailbox has answered', { doubted: true, policy: required }, enrolment],
    ['doubted, after a passkey', { proofs: [passkey], has: withPasskey, doubted: true, mailbox: true }, nothing],
    ['doubted, after two factors', { proofs: [pwd, totp], has: withTotp, doubted: true, mailbox: true }, nothing],
    ['asked for phr, with a passkey', { has: withBoth, asked: acr('phr') }, second, ['passkey']],
    ['asked for phr, with an authenticator: it comes first', { has: withTotp, asked: acr('phr') }, second, ['totp']],
    [
      'asked for phr, and the authenticator was proved',
      { proofs: [pwd, totp], has: withTotp, asked: acr('phr') },
      enrolment,
      ['passkey'],
    ],
    [
      'asked for phr if possible, after the authenticator',
      { proofs: [pwd, totp], has: withTotp, asked: acr('phr', false) },
      nothing,
    ],
    [
      'asked for phrh, with a synced passkey that was used',
      { proofs: [passkey], has: withPasskey, asked: acr('phrh') },
      enrolment,
      ['passkey'],
    ],
    [
      'asked for phrh, and another synced one was added',
      { proofs: [passkey], has: withPasskey, asked: acr('phrh'), enrolled: true },
      nothing,
    ],

    [
      'a recovery code: another factor takes the place of the lost one',
      { proofs: [pwd, code], has: withTotp, policy: required },
      enrolment,
      ['passkey', 'totp'],
    ],
    [
      'a recovery code, and another factor was set up',
      { proofs: [pwd, code, totp], has: withTotp, enrolled: true },
      nothing,
    ],
  ])('%s', (...[, { policy = {}, ...given }, kind, methods]) => {
    const situation = {
      policy: AuthenticationPolicy.parse(policy),
      proofs: [pwd],
      has: none,
      remembered: false,
      ...given,
    };
    expect(needOf(situation)).toMatchObject({ kind, ...(methods ? { methods } : {}) });
  });

  it.each<[string, Partial<Situation['has']>, Proof[], object, boolean, boolean]>([
    ['where there is nothing else', {}, [pwd], {}, false, false],
    ['where there is an authenticator', withTotp, [pwd], {}, true, true],
    ['where there is one, and it was proved', withTotp, [pwd, totp], {}, true, false],
    ['where one is required, and there is none', {}, [pwd], required, true, true],
    ['where the only passkey there is was not unlocked', withPasskey, [proof('passkey')], {}, true, false],
    [
      'where nothing more is taken',
      {},
      [proof('email_code')],
      { ...required, second_factors: ['email_code'] },
      true,
      false,
    ],
  ])(
    'a change to the account asks for a second factor, and is sent for it only where there is something to ask: %s',
    (...given) => {
      const [, has, proofs, policy, second, missing] = given;
      expect(needOfChange({ policy: AuthenticationPolicy.parse(policy), has: { ...none, ...has }, proofs })).toEqual({
        acr: second ? 'urn:ostiary:acr:mfa' : undefined,
        missing,
      });
    },
  );

  it('offers a recovery code only in place of a factor that was set up', () => {
    const policy = AuthenticationPolicy.parse({});
    const need = (has: Situation['has']) => needOf({ policy, proofs: [pwd], has, remembered: false });
    expect(need(withTotp)).toMatchObject({ recovery: true });
    expect(need({ ...withTotp, recovery_codes: 0 })).toMatchObject({ recovery: false });
  });
});
