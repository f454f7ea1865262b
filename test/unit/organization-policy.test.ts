import { describe, expect, it } from '@jest/globals';
import { timesOf, weakens } from '../../src/features/organizations/organization-policy.js';
import {
  type OrganizationPolicy,
  OrganizationSettings,
  type PolicyTimes,
  readOrganizationSettings,
} from '../../src/features/organizations/organization-settings.js';

const [mfa, phr, phrh] = ['urn:ostiary:acr:mfa', 'urn:ostiary:acr:phr', 'urn:ostiary:acr:phrh'] as const;
const longer = (min_length: number) => ({ password: { min_length } });
const policy = (given: object): OrganizationPolicy =>
  readOrganizationSettings(OrganizationSettings.parse({ policy: given })).policy;

describe('a policy that asks for less proof than before', () => {
  it.each<[string, object, object, boolean]>([
    ['a class where there was none', {}, { acr: mfa }, false],
    ['a stronger class', { acr: mfa }, { acr: phr }, false],
    ['a weaker class', { acr: phr }, { acr: mfa }, true],
    ['no class', { acr: mfa }, {}, true],
    ['a longer time without', { acr: mfa, grace_days: 1 }, { acr: mfa, grace_days: 2 }, true],
    ['a shorter time without', { acr: mfa, grace_days: 2 }, { acr: mfa, grace_days: 1 }, false],
    ['a time without where there was no class', {}, { acr: mfa, grace_days: 9 }, false],
    ['another trusted network', { acr: mfa }, { acr: mfa, trusted_networks: ['192.0.2.0/24'] }, true],
    ['one trusted network less', { acr: mfa, trusted_networks: ['192.0.2.0/24'] }, { acr: mfa }, false],
    ['some ways in only', {}, { ways_in: ['passkey'] }, false],
    ['another way in', { ways_in: ['passkey'] }, { ways_in: ['passkey', 'password'] }, true],
    ['every way in', { ways_in: ['passkey'] }, {}, true],
    ['a time for proofs', {}, { session_seconds: 300 }, false],
    ['a longer one', { session_seconds: 300 }, { session_seconds: 301 }, true],
    ['none', { session_seconds: 300 }, {}, true],
    ['some addresses only', {}, { ip_allow_list: ['192.0.2.0/24'] }, false],
    ['other addresses', { ip_allow_list: ['192.0.2.0/24'] }, { ip_allow_list: ['198.51.100.0/24'] }, true],
    ['every address', { ip_allow_list: ['192.0.2.0/24'] }, {}, true],
    ['longer passwords', {}, { password: { min_length: 12 } }, false],
    ['shorter ones', { password: { min_length: 12 } }, { password: { min_length: 11 } }, true],
    ['any passwords', { password: { min_length: 12 } }, {}, true],
    ['the same', { acr: mfa, ways_in: ['passkey'] }, { acr: mfa, ways_in: ['passkey'] }, false],
  ])('%s', (_what, before, after, expected) => expect(weakens(policy(before), policy(after))).toBe(expected));
});

describe('since when a policy asks for what it does', () => {
  const now = new Date('2026-06-01T00:00:00.000Z');
  const long = { policy_since: '2020-01-01T00:00:00.000Z', password_since: '2020-01-01T00:00:00.000Z' };
  const lately = { policy_since: '2026-05-30T00:00:00.000Z' };
  const today = now.toISOString();
  const week = { grace_days: 7 };

  it.each<[string, object, PolicyTimes, object, PolicyTimes]>([
    ['a class', {}, {}, { acr: mfa }, { policy_since: today }],
    [
      'a stronger class',
      { acr: mfa },
      long,
      { acr: phr },
      { ...long, policy_since: today, policy_earlier: [{ acr: mfa, since: long.policy_since }] },
    ],
    [
      'a stronger class while there is time for the one before, which is asked for when that is over',
      { acr: mfa, ...week },
      lately,
      { acr: phr, ...week },
      { policy_since: today, policy_earlier: [{ acr: mfa, since: lately.policy_since }] },
    ],
    [
      'the strongest while there is time for the one before',
      { acr: phr, ...week },
      { ...lately, policy_earlier: [{ acr: mfa, since: long.policy_since }] },
      { acr: phrh, ...week },
      {
        policy_since: today,
        policy_earlier: [
          { acr: mfa, since: long.policy_since },
          { acr: phr, since: lately.policy_since },
        ],
      },
    ],
    ['longer passwords', { acr: mfa }, long, { acr: mfa, ...longer(12) }, { ...long, password_since: today }],
    [
      'the class of before, which was asked for all along',
      { acr: phr, ...week },
      { ...lately, policy_earlier: [{ acr: mfa, since: long.policy_since }] },
      { acr: mfa, ...week },
      { policy_since: long.policy_since },
    ],
    ['a weaker class than ever', { acr: phr }, lately, { acr: mfa }, lately],
    ['no class', { acr: phr }, { ...long, policy_earlier: [{ acr: mfa, since: long.policy_since }] }, {}, long],
    ['shorter passwords', { ...longer(12) }, long, { ...longer(8) }, long],
    ['anything else', { acr: mfa, ...week }, lately, { acr: mfa, ...week, ip_allow_list: ['192.0.2.0/24'] }, lately],
  ])('%s', (_what, before, times, after, expected) => {
    const stored = { ...OrganizationSettings.parse({ policy: before }), ...times };
    expect(timesOf(readOrganizationSettings(stored).policy, policy(after), now)).toEqual(expected);
  });
});
