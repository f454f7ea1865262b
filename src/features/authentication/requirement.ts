// What somebody has to prove before they are let in: the tenant's policy, what the client asks for, and what the account has. Pure.

import type { AuthenticationPolicy, FirstFactor, SecondFactor } from '../tenants/authentication-policy.js';
import { type Acr, assuranceOf, MULTI_FACTOR, type Proof, strength } from './assurance.js';

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
  /** The sign-in is not like the others of this account (features/risk), so that one factor is not enough. */
  doubted?: boolean;
  /** A code by mail could still be asked for. */
  mailbox?: boolean;
  /** What the account had was lost and taken away: another factor takes its place. */
  recovered?: boolean | undefined;
}

interface Taken {
  policy: Pick<AuthenticationPolicy, 'second_factors'>;
}

export type Need =
  | { kind: 'nothing' }
  | { kind: 'first_factor' }
  /** Another first proof, one of these, or by the connection with this key: what was proved so far does not count for the organization, nor, where it is `own`, for what is the person's own. */
  | { kind: 'way'; methods: FirstFactor[]; connection?: string; own?: true }
  /** One of these; a recovery code is accepted in place of a factor that was lost. */
  | { kind: 'second_factor'; methods: SecondFactor[]; recovery: boolean }
  /** Nothing else can dispel a doubt than a code to the address of the account; it makes the sign-in no stronger. */
  | { kind: 'mailbox' }
  /** The account has nothing that would do: one of these is set up now. */
  | { kind: 'enrolment'; methods: SecondFactor[] };

/** A second factor is never talked away: whoever has one proves it before anything else may be set up. */
export function needOf(situation: Situation): Need {
  const { policy, proofs, has, enrolled, doubted, mailbox } = situation;
  if (proofs.length === 0) return { kind: 'first_factor' };
  const reached = strength(assuranceOf(proofs).acr);
  const target = targetOf(situation);
  const unused = usable(policy, has).filter((method) => !isProved(method, proofs));

  if (reached < target) {
    const enough = unused.filter((method) => gain(method, has) >= target);
    // Where nothing is enough, what there is comes first: nobody sets up a stronger factor beside one they could not prove.
    const methods = enough.length > 0 ? enough : reached < MFA ? unused : [];
    if (methods.length > 0)
      return { kind: 'second_factor', methods, recovery: reached < MFA && has.recovery_codes > 0 };
  }
  // Before anything is set up: whoever only knows the password must not add to the account.
  if (doubted && mailbox && reached < MFA) return { kind: 'mailbox' };
  // One that was set up in this very sign-in and is not enough: the answer tells the client, and nobody goes round in circles.
  if (enrolled) return { kind: 'nothing' };
  const unproved = policy.second_factors.filter(
    (method) => method !== 'email_code' && !proofs.some((proof) => proof.method === method && method === 'totp'),
  );
  // A code in place of a factor that was lost: another one takes its place before anything else.
  if ((proofs.some(({ method }) => method === 'recovery_code') || isBare(situation)) && unproved.length > 0)
    return { kind: 'enrolment', methods: unproved };
  // What the policy asks for is set up even where what the client asks for besides is out of reach.
  const [methods] = mustReach(situation)
    .filter((level) => reached < level)
    .map((level) => unproved.filter((method) => gainOf(method) >= level))
    .filter(({ length }) => length > 0);
  return methods ? { kind: 'enrolment', methods } : { kind: 'nothing' };
}

/** A factor of its own, beside its mailbox, that the tenant still takes. */
const hasSecondFactor = (policy: AuthenticationPolicy, has: Factors): boolean =>
  usable(policy, has).some((method) => method !== 'email_code');

/** That a browser is remembered stands for a factor that could be proved, not for none at all. */
export const isExcused = ({ policy, has, remembered }: Pick<Situation, 'has' | 'remembered'> & Taken): boolean =>
  remembered && usable(policy, has).length > 0;

/**
 * Of a change to the account: a second factor is proved first where one is required, also in a session from before, and by whoever has one.
 * `missing`: and what was proved could still be more. Nobody is sent to a sign-in that has nothing to ask, or they would go round in circles.
 */
export function needOfChange({ policy, has, proofs }: Pick<Situation, 'policy' | 'has' | 'proofs'>) {
  const second = policy.multi_factor === 'required' || hasSecondFactor(policy, has);
  const asked = { acr: MULTI_FACTOR, essential: false };
  const missing = second && needOf({ policy, has, proofs, asked, remembered: false }).kind !== 'nothing';
  return { acr: second ? MULTI_FACTOR : undefined, missing };
}

/** The same in a sign-in that adds to the account: of what was proved, that which counts for it. */
export function needOfOwn(situation: Situation): Need {
  const { asked } = situation;
  const { acr } = needOfChange(situation);
  return needOf(
    strength(asked?.acr) < strength(acr) && acr ? { ...situation, asked: { acr, essential: false } } : situation,
  );
}

/** Another passkey would do alone for good: whoever has a second factor adds one after proving it here, not where a remembered browser let them off. */
export const mayAddPasskey = ({ policy, has, proofs }: Pick<Situation, 'policy' | 'has' | 'proofs'>): boolean =>
  strength(assuranceOf(proofs).acr) >= MFA || !hasSecondFactor(policy, has);

const [, MFA, PHR, PHRH] = [0, 1, 2, 3] as const;

/** Strength that is wanted: of the policy, of the account, of the request. */
function targetOf({ policy, asked, has, remembered, doubted }: Situation): number {
  const own = hasSecondFactor(policy, has);
  const wanted = policy.multi_factor === 'required' || (policy.multi_factor === 'optional' && own);
  return Math.max((wanted && !remembered) || doubted ? MFA : 0, asked ? strength(asked.acr) : 0);
}

/**
 * A policy and an essential class cannot do with less; a voluntary one (acr_values) is met where it can be, and lowers nothing. Highest first.
 */
function mustReach({ policy, asked, has, remembered }: Situation): number[] {
  const excused = isExcused({ policy, has, remembered }) && (!asked || strength(asked.acr) < MFA);
  const floor = policy.multi_factor === 'required' && !excused ? MFA : 0;
  return [Math.max(floor, asked?.essential ? strength(asked.acr) : 0), floor];
}

/** Those of the account that the tenant takes. */
export function usable({ second_factors }: Taken['policy'], has: Factors): SecondFactor[] {
  return second_factors.filter(
    (method) =>
      method === 'email_code' || (method === 'totp' && has.totp) || (method === 'passkey' && has.passkeys.length > 0),
  );
}

/** The mailbox proves itself once: a link and a code are the same factor (NIST SP 800-63B-4 §2.2.1). */
const isProved = (factor: SecondFactor, proofs: readonly Proof[]): boolean =>
  proofs.some(({ method }) => method === factor || (factor === 'email_code' && method === 'magic_link'));

/** Of the factors that were taken away none has been replaced yet. */
const isBare = ({ policy, has, recovered }: Situation): boolean =>
  recovered === true && policy.multi_factor !== 'off' && !has.totp && has.passkeys.length === 0;

function gain(method: SecondFactor, { passkeys }: Factors): number {
  if (method !== 'passkey') return MFA;
  return passkeys.some(({ device_bound }) => device_bound) ? PHRH : PHR;
}

/** What a new one could reach at most. */
const gainOf = (method: SecondFactor): number => (method === 'passkey' ? PHRH : MFA);
