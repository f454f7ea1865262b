// The ledger of a session: every proof that was given in it, of whatever sign-in, re-authentication or step up. A request for no organization goes by
// the last sign-in, as the session says it; one for an organization by whatever counts there (organization-requirement.ts). Pure.
import { type Proof, proofsOf } from './assurance.js';

interface Kept {
  /** Undefined in a session from before there was a ledger. */
  proofs: readonly Proof[] | undefined;
  /** RFC 8176. */
  amr: readonly string[];
  /** NumericDate of the oldest proof of the last sign-in. */
  ts: number;
}

/** What the last sign-in stands on, with what was added to it: a step up goes on from there. */
export function signInOf({ proofs, amr, ts }: Kept): Proof[] {
  const found = (proofs ?? []).filter(({ at }) => at >= ts);
  return found.length > 0 ? found : proofsOf({ amr, ts });
}

/** Everything. */
export const ledgerOf = (kept: Kept): Proof[] => together(kept.proofs ?? [], signInOf(kept));

/** Each of them once. */
export function together(...several: (readonly Proof[])[]): Proof[] {
  const found = new Map(several.flat().map((proof) => [keyOf(proof), proof]));
  return [...found.values()];
}

const keyOf = ({ method, at, connection = '', verified = false, device_bound = false, mfa = false }: Proof): string =>
  [method, at, connection, verified, device_bound, mfa].join(' ');
