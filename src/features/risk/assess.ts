// What is unusual about a sign-in, and what follows from it. One pure function: the same signals, the same answer.

export interface RiskSignals {
  /** `first`: the account was never signed in before, so that nothing can be unusual. */
  device: 'known' | 'new' | 'first';
  network: 'known' | 'new' | 'first';
  /** Failed tries at the account just before this one succeeded. */
  failures: number;
  /** Locks of the account within the last day. */
  lockouts: number;
}

export type RiskReason = 'new_device' | 'new_network' | 'failures_before' | 'many_failures_before' | 'locked_before';
export type RiskDecision = 'allow' | 'step_up' | 'deny';

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
};

/** Both at once, or one of them after many failures, is another person as likely as not. */
const stepUpFrom = 50;
const denyFrom = 110;

export function assess({ device, network, failures, lockouts }: RiskSignals): Risk {
  const reasons: RiskReason[] = [];
  if (device === 'new') reasons.push('new_device');
  if (network === 'new') reasons.push('new_network');
  if (failures >= 3) reasons.push('many_failures_before');
  else if (failures > 0) reasons.push('failures_before');
  if (lockouts > 0) reasons.push('locked_before');
  const score = reasons.reduce((sum, reason) => sum + points[reason], 0);
  return { decision: score >= denyFrom ? 'deny' : score >= stepUpFrom ? 'step_up' : 'allow', score, reasons };
}
