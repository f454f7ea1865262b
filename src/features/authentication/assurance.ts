// How surely somebody is who they say: what was proved, in the words of RFC 8176 (amr) and in classes by strength (acr). Pure.
import { z } from 'zod';
import { acrValues } from '../../../config/protocol.js';

export type Acr = (typeof acrValues)[number];

export const [SINGLE_FACTOR, MULTI_FACTOR, PHISHING_RESISTANT, DEVICE_BOUND] = acrValues;

/** One thing that was proved in this browser, and when. */
export const Proof = z.object({
  method: z.enum(['password', 'passkey', 'totp', 'recovery_code', 'email_code', 'magic_link', 'connection']),
  /** NumericDate. */
  at: z.number().int(),
  /** Of a passkey: its holder unlocked it (WebAuthn §6.1, UV). */
  verified: z.boolean().optional(),
  /** Of a passkey: it never leaves the device it was made on (WebAuthn §6.1.3, no backup eligibility). */
  device_bound: z.boolean().optional(),
  /** By which connection to an identity provider it came. */
  connection: z.uuid().optional(),
  /** Whose connection that is: it proves something to this organization, and to no other. */
  organization: z.uuid().optional(),
  /** Of a connection that is trusted with it: the identity provider says that it asked for several factors. */
  mfa: z.boolean().optional(),
  /** NumericDate of the answer, where the identity provider had shown them before (`at`). */
  received: z.number().int().optional(),
  /** Of an identity provider that does not say when: `at` is that of its answer, and whoever is there may have been shown long before. */
  since_unknown: z.boolean().optional(),
});
export type Proof = z.infer<typeof Proof>;

export interface Assurance {
  acr: Acr;
  /** RFC 8176. */
  amr: string[];
  /** NumericDate of the oldest proof: what came later must not make it look fresh (OpenID Connect Core §2, auth_time). */
  ts: number;
}

type Factor = 'knowledge' | 'possession' | 'mailbox' | 'unlocked';

/** @throws Error where nothing was proved: that is no sign-in. */
export function assuranceOf(proofs: readonly Proof[]): Assurance {
  if (proofs.length === 0) throw new Error('nothing was proved');
  const amr = new Set(proofs.flatMap(amrOf));
  const several = new Set(proofs.flatMap(factorsOf)).size > 1;
  if (several) amr.add('mfa');
  const passkeys = proofs.filter(({ method }) => method === 'passkey');
  return { acr: classOf(several, passkeys), amr: [...amr], ts: Math.min(...proofs.map(({ at }) => at)) };
}

/** Whether it is known how old they all are: no request for a new proof is met by what may be of any age (OpenID Connect Core §3.1.2.1, max_age, prompt). */
export const isSinceKnown = (proofs: readonly Proof[]): boolean => !proofs.some(({ since_unknown }) => since_unknown);

/** What a session from before the ledger stands on, from what it says of itself (ledger.ts). */
export function proofsOf({ amr, ts }: { amr: readonly string[]; ts: number }): Proof[] {
  const has = (method: string) => amr.includes(method);
  // There was a ledger before there were connections: without it nobody knows to whom such a proof proves anything.
  if (has('fed')) return [];
  const passkey = has('hwk') || has('swk');
  const proofs: Proof[] = [];
  if (has('pwd')) proofs.push({ method: 'password', at: ts });
  // A code beside a passkey alone is two factors where it came by mail, and one where it is of an authenticator.
  const mailed = has('otp') && !has('pwd') && (passkey ? has('mfa') : true);
  if (mailed) proofs.push({ method: 'email_code', at: ts });
  const unlocked = has('mfa') && !has('pwd') && !has('otp');
  if (passkey) proofs.push({ method: 'passkey', at: ts, verified: unlocked, device_bound: has('hwk') });
  // A code alone is one by mail: an authenticator never comes first.
  if (has('otp') && (!mailed || (has('mfa') && !passkey))) proofs.push({ method: 'totp', at: ts });
  return proofs;
}

/** The class that a token stands on: it says what was proved, and as its class what the client had asked for. */
export function reachedBy(amr: readonly string[]): Acr {
  if (!amr.includes('mfa')) return SINGLE_FACTOR;
  if (amr.includes('hwk')) return DEVICE_BOUND;
  return amr.includes('swk') ? PHISHING_RESISTANT : MULTI_FACTOR;
}

/** Place in the order of classes; -1 for one that is not ours. */
export const strength = (acr: string | undefined): number => acrValues.indexOf(acr as Acr);

function classOf(several: boolean, passkeys: readonly Proof[]): Acr {
  if (!several) return SINGLE_FACTOR;
  if (passkeys.some(({ device_bound }) => device_bound)) return DEVICE_BOUND;
  return passkeys.length > 0 ? PHISHING_RESISTANT : MULTI_FACTOR;
}

function amrOf({ method, device_bound }: Proof): string[] {
  if (method === 'connection') return ['fed'];
  if (method === 'password') return ['pwd'];
  // A test of presence is part of every assertion (WebAuthn §6.1, UP).
  if (method === 'passkey') return [device_bound ? 'hwk' : 'swk', 'user'];
  return ['otp'];
}

/** Two of different kinds are two factors; two of one kind are one (NIST SP 800-63B-4 §2.2.1). */
function factorsOf({ method, verified, mfa }: Proof): Factor[] {
  switch (method) {
    case 'password':
      return ['knowledge'];
    case 'connection':
      // What the identity provider asked for is not known here: beside a password it is no second factor.
      return mfa ? ['knowledge', 'possession'] : ['knowledge'];
    case 'passkey':
      return verified ? ['possession', 'unlocked'] : ['possession'];
    case 'totp':
    case 'recovery_code':
      return ['possession'];
    case 'email_code':
    case 'magic_link':
      return ['mailbox'];
  }
}
