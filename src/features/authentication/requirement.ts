// What somebody has to prove before they are let in: the tenant's policy, what the client asks for, and what the account has. Pure.

import type { AuthenticationPolicy, SecondFactor } from '../tenants/authentication-policy.js';
import { type Acr, assess, type Proof, strength } from './assurance.js';

/** What an account can prove itself with, beside its mailbox. */
export interface Factors {
  totp: boolean;
  passkeys: readonly { device_bound: boolean }[];
  recovery_codes: number;
}

export interface Situation {
  policy: AuthenticationPolicy;
  /** The weakest class of ours that satisfies the request, and whether it cannot do with less (OpenID Connect Core §5.5.1.1). */
  asked?: { acr: Acr; essential: boolean } | undefined;
  proofs: readonly Proof[];
  has: Factors;
  /** This browser was remembered after a second factor of this account. */
  remembered: boolean;
  /** A factor was set up in this sign-in. */
  enrolled?: boolean | undefined;
}

export type Need =
  | { kind: 'nothing' }
  | { kind: 'first_factor' }
  /** One of these; a recovery code is accepted in place of a factor that was lost. */
  | { kind: 'second_factor'; methods: SecondFactor[]; recovery: boolean }
  /** The account has nothing that would do: one of these is set up now. */
  | { kind: 'enrolment'; methods: SecondFactor[] };

/** A second factor is never talked away: whoever has one proves it before anything else may be set up. */
export function needOf(situation: Situation): Need {
  const { policy, proofs, has, enrolled } = situation;
  if (proofs.length === 0) return { kind: 'first_factor' };
  const reached = strength(assess(proofs).acr);
  const target = targetOf(situation);
  const unused = usable(policy, has).filter((method) => !proofs.some((proof) => proof.method === method));

  if (reached < target) {
    const enough = unused.filter((method) => gain(method, has) >= target);
    // Where nothing is enough, what there is comes first: nobody sets up a stronger factor beside one they could not prove.
    const methods = enough.length > 0 ? enough : reached < MFA ? unused : [];
    if (methods.length > 0)
      return { kind: 'second_factor', methods, recovery: reached < MFA && has.recovery_codes > 0 };
  }
  // One that was set up in this very sign-in and is not enough: the answer tells the client, and nobody goes round in circles.
  if (enrolled) return { kind: 'nothing' };
  const unproved = policy.second_factors.filter(
    (method) => method !== 'email_code' && !proofs.some((proof) => proof.method === method && method === 'totp'),
  );
  // A code in place of a factor that was lost: another one takes its place before anything else.
  if (proofs.some(({ method }) => method === 'recovery_code') && unproved.length > 0)
    return { kind: 'enrolment', methods: unproved };
  if (reached >= target || !mustReach(situation, target)) return { kind: 'nothing' };
  const methods = unproved.filter((method) => gainOf(method) >= target);
  return methods.length > 0 ? { kind: 'enrolment', methods } : { kind: 'nothing' };
}

/** A factor of its own, beside its mailbox, that the tenant still takes. */
export const hasSecondFactor = (policy: AuthenticationPolicy, has: Factors): boolean =>
  usable(policy, has).some((method) => method !== 'email_code');

const [, MFA, PHR, PHRH] = [0, 1, 2, 3] as const;

/** Strength that is wanted: of the policy, of the account, of the request. */
function targetOf({ policy, asked, has, remembered }: Situation): number {
  const own = hasSecondFactor(policy, has);
  const wanted = policy.multi_factor === 'required' || (policy.multi_factor === 'optional' && own);
  return Math.max(wanted && !remembered ? MFA : 0, asked ? strength(asked.acr) : 0);
}

/** A policy and an essential class cannot do with less; a voluntary one (acr_values) is met where it can be. */
const mustReach = ({ policy, asked, remembered }: Situation, target: number): boolean =>
  (policy.multi_factor === 'required' && !remembered && target <= MFA) || (asked?.essential ?? false);

/** Those of the account that the tenant takes. */
export function usable({ second_factors }: AuthenticationPolicy, has: Factors): SecondFactor[] {
  return second_factors.filter(
    (method) =>
      method === 'email_code' || (method === 'totp' && has.totp) || (method === 'passkey' && has.passkeys.length > 0),
  );
}

function gain(method: SecondFactor, { passkeys }: Factors): number {
  if (method !== 'passkey') return MFA;
  return passkeys.some(({ device_bound }) => device_bound) ? PHRH : PHR;
}

/** What a new one could reach at most. */
const gainOf = (method: SecondFactor): number => (method === 'passkey' ? PHRH : MFA);
