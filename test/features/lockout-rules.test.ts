import { describe, expect, it } from '@jest/globals';
import { lockoutRules, ofPrivileged } from '../../src/features/credentials/lockout-rules.js';
import { LockoutPolicy } from '../../src/features/tenants/tenant.schema.js';

const NEVER = 2 ** 31 - 1;
const steps = [5, 15, 60];

describe('by which rules attempts are counted', () => {
  it.each([
    ['a password: five', {}, 'password', 5, steps],
    ['a password, as long each time', { strategy: 'fixed', duration_minutes: 30 }, 'password', 5, [30]],
    ['of somebody with a role: fewer', {}, 'password_of_role', 3, steps],
    ['always fewer, whatever the policy says', { max_attempts: 3 }, 'password_of_role', 2, steps],
    ['no lock of passwords where it is off', { enabled: false }, 'password', NEVER, steps],
    ['nor of those with a role', { enabled: false }, 'password_of_role', NEVER, steps],
    ['a second factor: five', {}, 'second_factor', 5, steps],
    [
      'whatever goes for passwords',
      { enabled: false, strategy: 'fixed', max_attempts: 100 },
      'second_factor',
      5,
      steps,
    ],
    ['a code by mail', { enabled: false }, 'email_code', 5, steps],
    ['codes, tightened', { second_factor: { max_attempts: 3, duration_minutes: 30 } }, 'email_code', 3, [30, 30, 60]],
  ] as const)('%s', (_name, policy, factor, max_attempts, minutes) => {
    const rules = lockoutRules(LockoutPolicy.parse(policy), factor);
    expect(rules).toMatchObject({ max_attempts, lock_seconds: minutes.map((one) => one * 60) });
  });

  it('a code ends after a hundred failures in a row, whatever the policy says (NIST SP 800-63B-4 §3.2.2)', () => {
    const loose = { enabled: false, second_factor: { max_attempts: 10 } };
    for (const policy of [{}, loose].map((one) => LockoutPolicy.parse(one)))
      for (const factor of ['second_factor', 'email_code'] as const)
        expect(lockoutRules(policy, factor).max_in_a_row).toBe(100);
  });

  it('whoever has a role has fewer tries at a second factor too', () => {
    const policy = LockoutPolicy.parse({});
    expect(ofPrivileged(policy, lockoutRules(policy, 'second_factor'))).toMatchObject({ max_attempts: 3 });
  });
});
