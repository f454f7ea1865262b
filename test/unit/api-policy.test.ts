import { describe, expect, it } from '@jest/globals';
import { ApiPolicy, apiPolicyOf, keepingTier, shutsOut } from '../../src/features/tenants/api-policy.js';
import { AppError } from '../../src/platform/errors.js';

const free = { api: { tier: 'free' } };

describe('the tier of a tenant is said by operators only (R26)', () => {
  it.each<[string, object, object, boolean, object]>([
    ['by an operator', free, { api: { tier: 'enterprise' } }, true, { api: { tier: 'enterprise' } }],
    ['taken away by an operator', free, { api: null }, true, { api: null }],
    ['left alone', free, { branding: {} }, false, { branding: {} }],
    [
      'not named by the tenant',
      free,
      { api: { test_keys: false } },
      false,
      { api: { test_keys: false, tier: 'free' } },
    ],
    ['taken away by the tenant with all the rest', free, { api: null }, false, { api: { tier: 'free' } }],
    ['the same again', free, { api: { tier: 'free' } }, false, { api: { tier: 'free' } }],
    ['none before', {}, { api: { test_keys: false } }, false, { api: { test_keys: false } }],
    ['none before, and none', {}, { api: null }, false, { api: null }],
  ])('%s', (_what, before, patch, operates, kept) => {
    expect(keepingTier(before as Record<string, unknown>, patch, operates)).toEqual(kept);
  });

  it.each([free, {}])('another one is refused to the tenant: it has %j', (before) => {
    const change = () => keepingTier(before, { api: { tier: 'unlimited' } }, false);
    expect(change).toThrow(AppError);
    expect(change).toThrow(expect.objectContaining({ status: 403, code: 'operators_only' }));
  });
});

describe('nobody shuts themselves out (R28)', () => {
  const policy = (given: object) => ApiPolicy.parse(given);
  it.each([
    [{}, undefined, false, undefined],
    [{ allowed_networks: ['203.0.113.0/24'] }, '203.0.113.9', false, undefined],
    [{ allowed_networks: ['203.0.113.0/24'] }, '::ffff:203.0.113.9', false, undefined],
    [{ allowed_networks: ['203.0.113.0/24'] }, '198.51.100.1', false, 'allowed_networks'],
    [{ allowed_networks: ['0.0.0.0/0'] }, undefined, false, 'allowed_networks'],
    [{ certificate_bound_only: true }, '198.51.100.1', false, 'certificate_bound_only'],
    [{ certificate_bound_only: true }, '198.51.100.1', true, undefined],
  ])('%j from %s, bound %s: %s', (given, ip, bound, member) => {
    expect(shutsOut(policy(given), { ip, bound })).toBe(member);
  });
});

describe('what a request reads of the settings', () => {
  it('has its defaults', () => {
    const defaults = { test_keys: true, allowed_networks: [], certificate_bound_only: false };
    expect(apiPolicyOf({ storedSettings: { branding: {} } })).toEqual(defaults);
    expect(apiPolicyOf({ storedSettings: { api: { tier: 'free' } } })).toEqual({ ...defaults, tier: 'free' });
  });
});
