import { describe, expect, it } from '@jest/globals';
import type { Proof } from '../../src/features/authentication/assurance.js';
import { ledgerOf, signInOf, together } from '../../src/features/authentication/ledger.js';
import { needIn } from '../../src/features/authentication/organization-need.js';
import type { OrganizationDecision } from '../../src/features/authentication/organization-requirement.js';
import type { Situation } from '../../src/features/authentication/requirement.js';
import { AuthenticationPolicy, type FirstFactor } from '../../src/features/tenants/authentication-policy.js';

const at = 1_900_000_000;
const proof = (method: Proof['method'], ago = 0): Proof => ({ method, at: at - ago });
const pwd = proof('password');
const none = { totp: false, passkeys: [], recovery_codes: 0 };
const withTotp = { ...none, totp: true };
const withPasskey = { ...none, passkeys: [{ device_bound: false }] };
const acr = (name: string) => `urn:ostiary:acr:${name}` as never;

const satisfied: OrganizationDecision = {
  kind: 'satisfied',
  assurance: { acr: acr('1fa'), amr: ['pwd'], ts: at },
  until: undefined,
  bypass: undefined,
};
const more = (name: string, ...proofs: Proof[]): OrganizationDecision => ({ kind: 'class', acr: acr(name), proofs });
const way = (...ways: ('password' | 'passkey' | 'email_code' | 'connection')[]): OrganizationDecision => ({
  kind: 'way',
  ways,
});
const any: OrganizationDecision = { kind: 'way', ways: null };

type Case = [
  name: string,
  decision: OrganizationDecision,
  given: Partial<Omit<Situation, 'policy'>> & { policy?: object },
  possible: FirstFactor[],
  need: object,
  connection?: string,
];

describe('what is still to be proved for an organization', () => {
  it.each<Case>([
    ['nothing', satisfied, {}, ['password'], { kind: 'nothing' }],
    [
      'what the tenant asks for anyway',
      satisfied,
      { has: withTotp },
      ['password'],
      { kind: 'second_factor', methods: ['totp'] },
    ],
    [
      'a class',
      more('mfa', pwd),
      { has: withTotp, policy: { multi_factor: 'off' } },
      [],
      { kind: 'second_factor', methods: ['totp'] },
    ],
    [
      'a class, and the browser is remembered',
      more('mfa', pwd),
      { has: withTotp, remembered: true },
      [],
      { kind: 'second_factor' },
    ],
    [
      'a stronger class: only what would do',
      more('phr', pwd),
      { has: { ...withTotp, ...{ passkeys: [{ device_bound: false }] } } },
      [],
      { kind: 'second_factor', methods: ['passkey'] },
    ],
    ['a class by whoever has nothing', more('mfa', pwd), { has: none }, [], { kind: 'enrolment' }],
    ['a class that was just set up and is not enough', more('phrh', pwd), { enrolled: true }, [], { kind: 'nothing' }],
    [
      'a factor that was proved long ago, once more',
      more('mfa', pwd),
      { proofs: [pwd, proof('totp', 9000)], has: withTotp },
      [],
      { kind: 'second_factor', methods: ['totp'] },
    ],
    [
      'a stronger class: what was proved in an earlier sign-in binds no factor',
      more('phr', pwd, proof('totp', 9000)),
      { has: withTotp, policy: { multi_factor: 'off' } },
      [],
      { kind: 'second_factor', methods: ['totp'] },
    ],
    [
      'a stronger class: whoever proved here what they have binds one',
      more('phr', pwd, proof('totp')),
      { proofs: [pwd, proof('totp')], has: withTotp, policy: { multi_factor: 'off' } },
      [],
      { kind: 'enrolment' },
    ],
    [
      'a stronger class that was reached here by what does not count there',
      more('mfa', pwd),
      { proofs: [pwd, proof('email_code')], has: none },
      [],
      { kind: 'enrolment' },
    ],
    ['another way', way('email_code'), {}, ['password', 'email_code'], { kind: 'way', methods: ['email_code'] }],
    ['any way, once more', any, {}, ['password', 'email_code'], { kind: 'way', methods: ['password', 'email_code'] }],
    ['another way that is not open to them', way('passkey'), {}, ['password'], { kind: 'nothing' }],
    ['a connection, where there is none', way('connection'), {}, ['password'], { kind: 'nothing' }],
    [
      'a connection, where there is one',
      way('connection'),
      {},
      ['password'],
      { kind: 'way', methods: [], connection: 'acme' },
      'acme',
    ],
    [
      'any way, where there is one',
      any,
      {},
      ['password'],
      { kind: 'way', methods: ['password'], connection: 'acme' },
      'acme',
    ],
    [
      'another way than the connection that there is',
      way('password'),
      {},
      ['password'],
      { kind: 'way', methods: ['password'] },
      'acme',
    ],
    [
      'what the tenant asks for before another way',
      way('email_code'),
      { has: withTotp },
      ['email_code'],
      { kind: 'second_factor' },
    ],
    ['nobody yet', way('email_code'), { proofs: [] }, ['email_code'], { kind: 'first_factor' }],
    [
      'from a network that is refused: the page says so',
      { kind: 'refused', why: 'address' },
      {},
      [],
      { kind: 'nothing' },
    ],
    [
      'a passkey',
      more('phr', pwd),
      { has: withPasskey, policy: { multi_factor: 'off' } },
      [],
      { kind: 'second_factor', methods: ['passkey'] },
    ],
  ])('%s', (...[, decision, { policy, ...given }, possible, need, connection]) => {
    const situation = {
      policy: AuthenticationPolicy.parse(policy ?? {}),
      proofs: [pwd],
      has: none,
      remembered: false,
      ...given,
    };
    expect(needIn(situation, decision, { methods: possible, connection })).toMatchObject(need);
  });
});

describe('the ledger of a session', () => {
  const kept = { proofs: [proof('password'), proof('totp', 50), proof('password', 90)], amr: ['pwd'], ts: at - 50 };

  it('says what the last sign-in stands on, with what was added', () => {
    expect(signInOf(kept)).toEqual([proof('password'), proof('totp', 50)]);
  });

  it('is guessed from what a session says that was begun before there was one', () => {
    expect(signInOf({ proofs: undefined, amr: ['pwd', 'otp', 'mfa'], ts: at })).toEqual([
      proof('password'),
      proof('totp'),
    ]);
    expect(ledgerOf({ proofs: [], amr: ['pwd'], ts: at })).toEqual([pwd]);
  });

  it('holds each proof once', () => {
    expect(ledgerOf(kept)).toEqual(kept.proofs);
    expect(together([pwd], [pwd, proof('totp')])).toEqual([pwd, proof('totp')]);
  });
});
