import { describe, expect, it } from '@jest/globals';
import { raises, weakens } from '../../src/features/organizations/organization-policy.js';
import {
  type OrganizationPolicy,
  OrganizationSettings,
  readOrganizationSettings,
} from '../../src/features/organizations/organization-settings.js';

const [mfa, phr] = ['urn:ostiary:acr:mfa', 'urn:ostiary:acr:phr'] as const;
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

describe('the time that people have begins anew', () => {
  it.each<[string, object, object, boolean]>([
    ['with a class', {}, { acr: mfa }, true],
    ['with a stronger class', { acr: mfa }, { acr: phr }, true],
    ['with longer passwords', {}, { password: { min_length: 12 } }, true],
    ['not with a weaker class', { acr: phr }, { acr: mfa }, false],
    [
      'not with anything else, which would be a way around the rule',
      { acr: mfa, grace_days: 7 },
      { acr: mfa, grace_days: 7, ip_allow_list: ['192.0.2.0/24'] },
      false,
    ],
  ])('%s', (_what, before, after, expected) => expect(raises(policy(before), policy(after))).toBe(expected));
});
