// Which rules an attempt is counted by: the tenant's policy, by factor and by who would be guessed. Pure.
import type { LockoutPolicy } from '../tenants/tenant.schema.js';
import type { Factor } from './lockout.js';

/** What Lockout counts by. */
export type LockoutRules = Pick<LockoutPolicy, 'max_attempts' | 'strategy' | 'duration_minutes'>;

/** Six digits are guessed too easily without a lock (NIST SP 800-63B-4 §3.2.2), so this one can be tightened, never turned off. */
const secondFactor: LockoutRules = { max_attempts: 5, strategy: 'fixed', duration_minutes: 5 };

/** More than anybody tries in a day. */
const NEVER = 2 ** 31 - 1;

/** @param privileged whether the account has a role: one that is worth more is given fewer tries, whatever the policy says. */
export function lockoutRules(policy: LockoutPolicy, factor: Factor, privileged: boolean): LockoutRules {
  const rules = factor === 'password' ? policy : { ...secondFactor, ...policy.second_factor };
  const { strategy, duration_minutes } = rules;
  const stricter = Math.min(policy.administrators.max_attempts, rules.max_attempts - 1);
  const max = privileged ? Math.max(2, stricter) : rules.max_attempts;
  const counted = factor === 'second_factor' || policy.enabled;
  return { strategy, duration_minutes, max_attempts: counted ? max : NEVER };
}
