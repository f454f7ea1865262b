import { describe, expect, it } from '@jest/globals';
import { lockoutRules } from '../../src/features/credentials/lockout-rules.js';
import { LockoutPolicy } from '../../src/features/tenants/tenant.schema.js';

describe('by which rules attempts are counted', () => {
  it.each([
    ['a password: five', {}, 'password', false, [5, 'exponential']],
    ['a password of somebody with a role: fewer', {}, 'password', true, [3, 'exponential']],
    ['always fewer, whatever the policy says', { max_attempts: 3 }, 'password', true, [2, 'exponential']],
    ['a second factor: five, then five minutes', { strategy: 'permanent' }, 'second_factor', false, [5, 'fixed']],
    ['a second factor of somebody with a role', {}, 'second_factor', true, [3, 'fixed']],
    ['no lock of passwords where it is off', { enabled: false }, 'password', true, [2 ** 31 - 1, 'exponential']],
    ['the second factor is locked all the same', { enabled: false }, 'second_factor', false, [5, 'fixed']],
  ] as const)('%s', (_name, policy, factor, privileged, [max_attempts, strategy]) => {
    const rules = lockoutRules(LockoutPolicy.parse(policy), factor, privileged);
    expect(rules).toMatchObject({ max_attempts, strategy });
    if (factor === 'second_factor') expect(rules.duration_minutes).toBe(5);
  });
});
