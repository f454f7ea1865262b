// Whether a passkey may go: never the last way in. Pure.
import type { FirstFactor } from '../tenants/authentication-policy.js';

export interface WaysIn {
  /** What a sign-in may begin with in this tenant. */
  firstFactors: readonly FirstFactor[];
  password: boolean;
  /** The address of the account was proved. */
  mailbox: boolean;
}

/** Only what unlocks by its holder lets somebody in by itself; another one comes second, after a way that stays. */
interface Unlockable {
  uvInitialized: boolean;
}

/** @param others the passkeys that would stay. */
export function isLastWayIn(passkey: Unlockable, others: readonly Unlockable[], ways: WaysIn): boolean {
  const { firstFactors, password, mailbox } = ways;
  const passkeys = firstFactors.includes('passkey');
  if (!passkeys || !passkey.uvInitialized) return false;
  if (others.some(({ uvInitialized }) => uvInitialized)) return false;
  if (password && firstFactors.includes('password')) return false;
  return !(mailbox && (firstFactors.includes('magic_link') || firstFactors.includes('email_code')));
}
