// Whether somebody comes in without the identity that is to go. Pure.
import type { WaysIn } from '../credentials/passkey-removal.js';

/** What lets in by itself: a passkey that unlocks, a password, or the mailbox, as far as the tenant takes them. */
export function isAnotherWay({
  passkeys,
  ...ways
}: WaysIn & { passkeys: readonly { uvInitialized: boolean }[] }): boolean {
  if (ways.firstFactors.includes('passkey') && passkeys.some(({ uvInitialized }) => uvInitialized)) return true;
  if (ways.password && ways.firstFactors.includes('password')) return true;
  return ways.mailbox && (ways.firstFactors.includes('magic_link') || ways.firstFactors.includes('email_code'));
}
