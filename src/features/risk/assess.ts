// What is unusual about a sign-in, and what follows from it. One pure function: the same signals and limits, the same answer.
import type { RiskPolicy } from '../tenants/authentication-policy.js';

export interface RiskSignals {
  /** `first`: the account was never signed in before, so that nothing can be unusual. Not so where its owner has shut somebody out. */
  device: 'known' | 'new' | 'first';
  network: 'known' | 'new' | 'first';
  /** Failed tries at the account just before this one succeeded. */
  failures: number;
  /** Locks of the account within the last day. */
  lockouts: number;
  /** Within the last day somebody knew how to sign in and was not let in. */
  denied?: boolean;
}

export const RISK_REASONS = [
  'new_device',
  'new_network',
  'failures_before',
  'many_failures_before',
  'locked_before',
  'denied_before',
] as const;
export type RiskReason = (typeof RISK_REASONS)[number];

export const RISK_DECISIONS = ['allow', 'step_up', 'deny'] as const;
export type RiskDecision = (typeof RISK_DECISIONS)[number];

export interface Risk {
  decision: RiskDecision;
  score: number;
  reasons: RiskReason[];
}

const points: Record<RiskReason, number> = {
  new_device: 30,
  new_network: 20,
  failures_before: 10,
  many_failures_before: 30,
  locked_before: 30,
  denied_before: 30,
};

/** Both at once, or one of them after many failures, is another person as likely as not; everything together is. */
const usual = { step_up_from: 50, deny_from: 110 };

/** In a browser that is known nobody is denied: what others do to an account must not keep its owner out (OWASP ASVS 5.0 V6.1.1). */
export function assessRisk(signals: RiskSignals, limits: Limits = usual): Risk {
  const { device, network, failures, lockouts, denied } = signals;
  const reasons: RiskReason[] = [];
  if (device === 'new') reasons.push('new_device');
  if (network === 'new') reasons.push('new_network');
  if (failures >= 3) reasons.push('many_failures_before');
  else if (failures > 0) reasons.push('failures_before');
  if (lockouts > 0) reasons.push('locked_before');
  if (denied) reasons.push('denied_before');
  const score = reasons.reduce((sum, reason) => sum + points[reason], 0);
  if (score < limits.step_up_from) return { decision: 'allow', score, reasons };
  return { decision: device === 'new' && score >= limits.deny_from ? 'deny' : 'step_up', score, reasons };
}

type Limits = Pick<RiskPolicy, 'step_up_from' | 'deny_from'>;
