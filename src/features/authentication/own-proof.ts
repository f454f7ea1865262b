// Which proofs count for what is the account's own: its factors, its password, its address, its end. Pure.
import type { Proof } from './assurance.js';

/**
 * An identity provider of an organization speaks for accounts whose address is in a domain that this organization has proved. To any other account of
 * its members it is a stranger there, who must not put a key of their own on it.
 * @param speaking the organizations that speak for the account.
 */
export const ownProofs = (proofs: readonly Proof[], speaking: ReadonlySet<string>): Proof[] =>
  proofs.filter(({ organization }) => organization === undefined || speaking.has(organization));

/** Whose word it is asked about. */
export const organizationsOf = (proofs: readonly Proof[]): string[] => [
  ...new Set(proofs.flatMap(({ organization }) => (organization === undefined ? [] : [organization]))),
];
