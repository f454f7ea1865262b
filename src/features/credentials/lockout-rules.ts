// Which rules an attempt is counted by: the tenant's policy, by factor and by who would be guessed. Pure.
import type { LockoutPolicy } from '../tenants/tenant.schema.js';
import { type Factor, PERMANENT } from './lockout.js';

/** What Lockout counts by. */
export interface LockoutRules {
  /** The last one locks. */
  max_attempts: number;
  /** Of the first lock, the second and so on; the last goes for all that follow. */
  lock_seconds: readonly number[];
  /** Failures in a row, however long they take, after which waiting does not help; undefined: it always does. */
  max_in_a_row: number | undefined;
}

/** Minutes of the strategy `exponential`. */
const STEPS = [5, 15, 60];

/** NIST SP 800-63B-4 §3.2.2: no more than 100 failures in a row. */
export const MAX_IN_A_ROW = 100;

/** More than anybody tries in a day. */
const NEVER = 2 ** 31 - 1;

export function lockoutRules(policy: LockoutPolicy, factor: Factor): LockoutRules {
  if (factor === 'second_factor' || factor === 'email_code') return ofCodes(policy);
  const max = factor === 'password' ? policy.max_attempts : earlier(policy, policy.max_attempts);
  return {
    max_attempts: policy.enabled ? max : NEVER,
    lock_seconds: lockSeconds(policy),
    max_in_a_row: undefined,
  };
}

/** Of an account that has a role: one that is worth more is given fewer tries, whatever the policy says. */
export const ofPrivileged = (policy: LockoutPolicy, rules: LockoutRules): LockoutRules => ({
  ...rules,
  max_attempts: earlier(policy, rules.max_attempts),
});

/** Six digits are guessed too easily without a lock, so this one can be tightened, never turned off. */
const ofCodes = ({ second_factor: { max_attempts, duration_minutes } }: LockoutPolicy): LockoutRules => ({
  max_attempts,
  lock_seconds: STEPS.map((minutes) => Math.max(minutes, duration_minutes) * 60),
  max_in_a_row: MAX_IN_A_ROW,
});

const earlier = ({ administrators }: LockoutPolicy, max: number): number =>
  Math.max(2, Math.min(administrators.max_attempts, max - 1));

function lockSeconds({ strategy, duration_minutes }: LockoutPolicy): number[] {
  if (strategy === 'fixed') return [duration_minutes * 60];
  if (strategy === 'exponential') return STEPS.map((minutes) => minutes * 60);
  return [PERMANENT.getTime() / 1000];
}
