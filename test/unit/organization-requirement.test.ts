import { describe, expect, it } from '@jest/globals';
import { type Acr, assuranceOf, type Proof, reachedBy } from '../../src/features/authentication/assurance.js';
import {
  type AskedOfOrganization,
  decideForOrganization,
  goesOnWith,
  hasComeIn,
  type OrganizationPolicy,
} from '../../src/features/authentication/organization-requirement.js';

const now = 1_900_000_000;
const day = 86_400;
const own = '0190f0f0-0000-7000-8000-00000000000a';
const other = '0190f0f0-0000-7000-8000-00000000000b';
const connection = '0190f0f0-0000-7000-8000-0000000000cc';
const proof = (method: Proof['method'], ago = 0, more: Partial<Proof> = {}): Proof => ({
  method,
  at: now - ago,
  ...more,
});
const pwd = proof('password');
const totp = proof('totp');
const passkey = proof('passkey', 0, { verified: true });
const key = proof('passkey', 0, { verified: true, device_bound: true });
const ofOwn = proof('connection', 0, { connection, organization: own });
const ofOther = proof('connection', 0, { connection, organization: other });
const ofTenant = proof('connection', 0, { connection });
const acr = (name: string) => `urn:ostiary:acr:${name}` as never;

const nothing: OrganizationPolicy = {
  acr: null,
  grace_days: 0,
  trusted_networks: [],
  ways_in: null,
  session_seconds: null,
  ip_allow_list: [],
};

type Given = Partial<Omit<AskedOfOrganization, 'policy'>> & { policy?: Partial<OrganizationPolicy> };
type Case = [name: string, given: Given, expected: object];

const decide = ({ policy, ...given }: Given) =>
  decideForOrganization({
    organization: own,
    policy: { ...nothing, ...policy },
    ledger: [pwd],
    signedInAt: now - day,
    now,
    ip: '192.0.2.7',
    joinedAt: now - 100 * day,
    ...given,
  });

const met = (name: string, more: object = {}) => ({
  kind: 'satisfied',
  assurance: { acr: acr(name), ...more },
});
const way = (ways: string[] | null = null) => ({ kind: 'way', ways });
const more = (name: string) => ({ kind: 'class', acr: acr(name) });

const before = (days: number): string => new Date((now - days * day) * 1000).toISOString();
/** A day ago, with a week's time; the classes before it, and how many days ago they came to be asked for. */
const raised = (earlier: Record<string, number>): Partial<OrganizationPolicy> => ({
  acr: acr('phrh'),
  grace_days: 7,
  since: before(1),
  earlier: Object.entries(earlier).map(([name, days]) => ({ acr: acr(name), since: before(days) })),
});

describe('what proof a token for an organization takes', () => {
  it.each<Case>([
    ['nothing is asked', {}, met('1fa')],
    ['nothing was proved', { ledger: [] }, way()],
    ['a class, and what was proved has it', { policy: { acr: acr('mfa') }, ledger: [pwd, totp] }, met('mfa')],
    ['a class, and what was proved is stronger', { policy: { acr: acr('mfa') }, ledger: [passkey] }, met('phr')],
    ['a class, and what was proved is weaker', { policy: { acr: acr('mfa') } }, more('mfa')],
    ['a stronger class than two factors', { policy: { acr: acr('phr') }, ledger: [pwd, totp] }, more('phr')],
    ['a class of hardware, and a synced passkey', { policy: { acr: acr('phrh') }, ledger: [passkey] }, more('phrh')],
    ['a class of hardware, and a key', { policy: { acr: acr('phrh') }, ledger: [key] }, met('phrh')],
    [
      'the client asks for more than the policy',
      { policy: { acr: acr('mfa') }, asked: acr('phr'), ledger: [pwd, totp] },
      more('phr'),
    ],
    [
      'the client asks for less than the policy',
      { policy: { acr: acr('phr') }, asked: acr('mfa'), ledger: [pwd, totp] },
      more('phr'),
    ],

    ['a way in that was taken', { policy: { ways_in: ['password'] } }, met('1fa')],
    ['another way in', { policy: { ways_in: ['passkey'] } }, way(['passkey'])],
    ['another way in, however strong', { policy: { ways_in: ['password'] }, ledger: [passkey] }, way(['password'])],
    ['a second factor is no way in', { ledger: [totp] }, way()],
    ['a way in beside another', { policy: { ways_in: ['passkey'] }, ledger: [pwd, passkey] }, met('phr')],
    ['a link in place of a code', { policy: { ways_in: ['email_code'] }, ledger: [proof('magic_link')] }, met('1fa')],
    ['a code is no link', { policy: { ways_in: ['magic_link'] }, ledger: [proof('email_code')] }, way(['magic_link'])],
    ['no way in at all', { policy: { ways_in: [] } }, way([])],
    ['the way in before the class', { policy: { ways_in: ['passkey'], acr: acr('mfa') } }, way(['passkey'])],

    ['a proof by its own connection', { ledger: [ofOwn] }, met('1fa')],
    [
      'a proof by its own connection where it takes no other',
      { policy: { ways_in: ['connection'] }, ledger: [ofOwn] },
      met('1fa'),
    ],
    ['a password where it takes a connection', { policy: { ways_in: ['connection'] } }, way(['connection'])],
    [
      'a connection where it takes a password',
      { policy: { ways_in: ['password'] }, ledger: [ofOwn] },
      way(['password']),
    ],
    ['a connection of the tenant, where any way will do', { ledger: [ofTenant] }, met('1fa')],
    [
      'a connection of the tenant, where the organization takes its own',
      { policy: { ways_in: ['connection'] }, ledger: [ofTenant] },
      way(['connection']),
    ],
    [
      'its own connection, which is trusted to have asked for several factors',
      { policy: { acr: acr('mfa') }, ledger: [{ ...ofOwn, mfa: true }] },
      met('mfa', { amr: ['fed', 'mfa'] }),
    ],
    ['its own connection, which is not', { policy: { acr: acr('mfa') }, ledger: [ofOwn] }, more('mfa')],
    [
      'several factors of another organization are none',
      { policy: { acr: acr('mfa') }, ledger: [ofOwn, { ...ofOther, mfa: true }] },
      more('mfa'),
    ],
    ['a proof by a connection of another organization', { ledger: [ofOther] }, way()],
    [
      'the same, where it takes connections',
      { policy: { ways_in: ['connection'] }, ledger: [ofOther] },
      way(['connection']),
    ],
    ['the same beside a second factor', { policy: { acr: acr('mfa') }, ledger: [ofOther, totp] }, way()],
    ['the same beside a password', { policy: { acr: acr('mfa') }, ledger: [ofOther, pwd] }, more('mfa')],

    [
      'a proof that is new enough',
      { policy: { session_seconds: 300 }, ledger: [proof('password', 299)] },
      { ...met('1fa'), until: now + 1 },
    ],
    ['a proof that is too old', { policy: { session_seconds: 300 }, ledger: [proof('password', 300)] }, way()],
    [
      'a second factor that is too old',
      { policy: { session_seconds: 300, acr: acr('mfa') }, ledger: [pwd, proof('totp', 300)] },
      more('mfa'),
    ],
    [
      'an old way in beside a new second factor',
      { policy: { session_seconds: 300, acr: acr('mfa') }, ledger: [proof('password', 300), totp] },
      way(),
    ],
    [
      'it lasts as long as the oldest',
      { policy: { session_seconds: 300, acr: acr('mfa') }, ledger: [proof('password', 200), totp] },
      { ...met('mfa', { ts: now - 200 }), until: now + 100 },
    ],
    ['it lasts for ever where no time is set', {}, { ...met('1fa'), until: undefined }],

    [
      'of two sign-ins the last is enough',
      { ledger: [proof('password', 500), pwd], signedInAt: now },
      met('1fa', { ts: now }),
    ],
    [
      'of two sign-ins the first is needed',
      { policy: { acr: acr('mfa') }, ledger: [proof('totp', 500), proof('password', 900), pwd], signedInAt: now },
      met('mfa', { ts: now - 500 }),
    ],
    [
      'of two sign-ins the first does not count (max_age)',
      { policy: { acr: acr('mfa') }, ledger: [proof('totp', 500), pwd], signedInAt: now, maxAge: 400 },
      more('mfa'),
    ],
    [
      'of two sign-ins the first counts within max_age',
      { policy: { acr: acr('mfa') }, ledger: [proof('totp', 500), pwd], signedInAt: now, maxAge: 500 },
      met('mfa'),
    ],
    [
      'the last sign-in was by a connection of another',
      { ledger: [proof('password', 500), ofOther], signedInAt: now },
      met('1fa', { ts: now - 500 }),
    ],

    ['an address that is listed', { policy: { ip_allow_list: ['198.51.100.0/24', '192.0.2.0/24'] } }, met('1fa')],
    ['an address that is not', { policy: { ip_allow_list: ['198.51.100.0/24'] } }, { kind: 'refused', why: 'address' }],
    [
      'an address that cannot be read',
      { policy: { ip_allow_list: ['192.0.2.0/24'] }, ip: 'unix:' },
      { kind: 'refused', why: 'address' },
    ],
    ['no address', { policy: { ip_allow_list: ['0.0.0.0/0'] }, ip: undefined }, { kind: 'refused', why: 'address' }],
    ['IPv4 that came as IPv6', { policy: { ip_allow_list: ['192.0.2.0/24'] }, ip: '::ffff:192.0.2.9' }, met('1fa')],
    ['IPv6', { policy: { ip_allow_list: ['2001:db8::/32'] }, ip: '2001:db8:1::1' }, met('1fa')],
    ['a list that cannot be read', { policy: { ip_allow_list: ['anywhere'] } }, { kind: 'refused', why: 'address' }],

    [
      'the days after joining',
      { policy: { acr: acr('mfa'), grace_days: 7 }, joinedAt: now - 6 * day },
      { ...met('1fa'), bypass: 'grace_period', until: now + day },
    ],
    [
      'the days after joining, and proofs that stop counting before they are over',
      { policy: { acr: acr('mfa'), grace_days: 7, session_seconds: 300 }, joinedAt: now - 6 * day },
      { ...met('1fa'), bypass: 'grace_period', until: now + 300 },
    ],
    ['they are over', { policy: { acr: acr('mfa'), grace_days: 7 }, joinedAt: now - 7 * day }, more('mfa')],
    [
      'the days after the policy was set',
      { policy: { acr: acr('mfa'), grace_days: 7, since: new Date((now - day) * 1000).toISOString() } },
      { ...met('1fa'), bypass: 'grace_period', until: now + 6 * day },
    ],
    [
      'the days after the class was raised, where another was asked for until then',
      { policy: raised({ mfa: 100 }) },
      more('mfa'),
    ],
    [
      'the same, with what was asked for until then',
      { policy: raised({ mfa: 100 }), ledger: [pwd, totp] },
      { ...met('mfa'), bypass: 'grace_period', until: now + 6 * day },
    ],
    [
      'the same, and a stronger one that the client cannot do without',
      { policy: raised({ mfa: 100 }), asked: acr('phr') },
      more('phr'),
    ],
    [
      'the same, for somebody who joined since',
      { policy: raised({ mfa: 100 }), joinedAt: now - day },
      { ...met('1fa'), bypass: 'grace_period' },
    ],
    [
      'the same, when they are over',
      { policy: { ...raised({ mfa: 100 }), grace_days: 1 }, ledger: [pwd, totp] },
      more('phrh'),
    ],
    [
      'the days after the class was raised in the days of the one before, which last no longer for it',
      { policy: raised({ mfa: 3 }) },
      { ...met('1fa'), bypass: 'grace_period', until: now + 4 * day },
    ],
    ['the same, when those of the one before are over', { policy: raised({ mfa: 7 }) }, more('mfa')],
    [
      'the same, raised twice',
      { policy: raised({ mfa: 9, phr: 3 }), ledger: [pwd, totp] },
      { ...met('mfa'), bypass: 'grace_period', until: now + 4 * day },
    ],
    [
      'days are no bypass where nothing is bypassed',
      { policy: { acr: acr('mfa'), grace_days: 7 }, joinedAt: now, ledger: [pwd, totp] },
      { ...met('mfa'), bypass: undefined },
    ],
    [
      'a trusted network',
      { policy: { acr: acr('phr'), trusted_networks: ['192.0.2.0/24'] } },
      { ...met('1fa'), bypass: 'trusted_network' },
    ],
    ['another network', { policy: { acr: acr('phr'), trusted_networks: ['198.51.100.0/24'] } }, more('phr')],
    [
      'a trusted network and no address',
      { policy: { acr: acr('phr'), trusted_networks: ['0.0.0.0/0'] }, ip: null },
      more('phr'),
    ],
    [
      'a trusted network says nothing of the way in',
      { policy: { acr: acr('phr'), trusted_networks: ['192.0.2.0/24'], ways_in: ['passkey'] } },
      way(['passkey']),
    ],
    [
      'a trusted network says nothing of what the client asks for',
      { policy: { acr: acr('phr'), trusted_networks: ['192.0.2.0/24'] }, asked: acr('mfa') },
      more('mfa'),
    ],
    [
      'a trusted network lets nobody in from an address that is not listed',
      { policy: { acr: acr('mfa'), trusted_networks: ['192.0.2.0/24'], ip_allow_list: ['10.0.0.0/8'] } },
      { kind: 'refused', why: 'address' },
    ],
  ])('%s', (_name, given, expected) => {
    expect(decide(given)).toMatchObject(expected);
  });

  it('never counts a proof of another connection, whatever is asked', () => {
    for (const ways_in of [null, ['password'], ['connection'], ['passkey', 'connection']] as const)
      for (const name of [null, acr('1fa' as never), acr('mfa'), acr('phr')])
        for (const grace_days of [0, 90])
          for (const trusted_networks of [[], ['0.0.0.0/0']]) {
            const policy = { ways_in, acr: name, grace_days, trusted_networks };
            expect(decide({ policy, ledger: [ofOther, proof('totp'), proof('recovery_code')] }).kind).toBe('way');
          }
  });
});

describe('what was given before for a class', () => {
  it.each<[string, Acr, object, boolean]>([
    ['goes on where it is as strong', acr('mfa'), {}, true],
    ['goes on where it is stronger', acr('phr'), {}, true],
    ['ends where it is weaker', acr('1fa'), {}, false],
    ['goes on where none is asked for', acr('1fa'), { acr: null }, true],
    ['goes on in the days without it', acr('1fa'), { grace_days: 8 }, true],
    ['ends with them', acr('1fa'), { grace_days: 7 }, false],
    ['goes on where it may be from a trusted network', acr('1fa'), { trusted_networks: ['192.0.2.0/24'] }, true],
  ])('%s', (_name, reached, set, goesOn) => {
    const policy = { ...nothing, acr: acr('mfa'), ...set };
    expect(goesOnWith(reached, { policy, now, joinedAt: now - 7 * day })).toBe(goesOn);
  });

  it('is said by what was proved: the same class for every set of proofs', () => {
    const methods = ['password', 'totp', 'email_code', 'passkey', 'recovery_code', 'connection'] as const;
    const passkeys = [{}, { verified: true }, { device_bound: true }, { verified: true, device_bound: true }];
    for (let set = 1; set < 2 ** methods.length; set += 1)
      for (const passkey of passkeys) {
        const proofs = methods
          .filter((_one, bit) => set & (1 << bit))
          .map((method) => ({ ...proof(method), ...(method === 'passkey' ? passkey : {}) }));
        const { acr: reached, amr } = assuranceOf(proofs);
        expect([amr, reachedBy(amr)]).toEqual([amr, reached]);
      }
  });
});

describe('whether somebody has come in, as far as an organization goes', () => {
  it.each<[string, Proof[], boolean]>([
    ['by something of their own', [pwd], true],
    ['by its own connection', [ofOwn], true],
    ['by one of the tenant', [ofTenant], true],
    ['not by that of another', [ofOther], false],
    ['nor with a code beside it, which is no way in', [ofOther, totp], false],
    ['by both', [ofOther, pwd], true],
    ['not by nothing', [], false],
  ])('%s', (_name, ledger, expected) => expect(hasComeIn(ledger, own)).toBe(expected));
});
