// Which step a person takes next: a pure decision. A step never leads to a step; it returns to the dispatcher, which asks here again.
import { z } from 'zod';
import { Proof } from '../features/authentication/assurance.js';
import type { Need } from '../features/authentication/requirement.js';

/** What the steps of one interaction have established so far. No key is the name of a prompt: such a key would resolve that prompt. */
export const Progress = z.object({
  /** What was typed as the account's name; proves nothing. */
  identifier: z.string().optional(),
  /** Whose proofs these are: set by the first one, and every later one is of the same account. */
  user_id: z.uuid().optional(),
  proofs: z.array(Proof).default([]),
  /** A code was sent to the address that was typed, and is to be typed in place of a password. */
  email_code: z.boolean().optional(),
  /** Of the password that was proved. `set_at`, in milliseconds, tells which of the account's passwords it was; `failures`, how often it was missed before. */
  password: z
    .object({ must_change: z.boolean(), set_at: z.number().int(), failures: z.number().int().optional() })
    .optional(),
  /** The person wants another account than the one that is signed in. */
  other_account: z.boolean().optional(),
  /** A second factor was set up here. */
  enrolled: z.boolean().optional(),
  /** The browser that a password came from could make a passkey. */
  can_passkey: z.boolean().optional(),
  /** Whether the page that asks to add one was shown here, and answered. */
  add_passkey: z.enum(['shown', 'answered']).optional(),
  /** Shown until the person says that they have them. */
  recovery_codes: z.array(z.string()).optional(),
});
export type Progress = z.infer<typeof Progress>;

export type StepName =
  | 'select_account'
  | 'login'
  | 'email_code'
  | 'change_password'
  | 'second_factor'
  | 'enrolment'
  | 'recovery_codes'
  | 'add_passkey'
  | 'consent';

/** What the decision needs to know of the world. */
export interface Facts {
  /** Accounts that are signed in in this browser. */
  accounts: number;
  need: Need;
  /** It is time to ask whether they want to add a passkey. */
  askForPasskey: boolean;
}

export function nextStep(
  prompt: string,
  progress: Progress,
  { accounts, need, askForPasskey }: Facts,
): StepName | 'finish' {
  if (prompt === 'select_account' && !progress.other_account && accounts > 0) return 'select_account';
  if (prompt === 'consent' && !progress.other_account) return 'consent';
  if (need.kind === 'first_factor') return progress.email_code && progress.identifier ? 'email_code' : 'login';
  // Before anything is set up: whoever only knows the password must not add to the account.
  if (need.kind === 'second_factor') return 'second_factor';
  if (progress.password?.must_change) return 'change_password';
  if (progress.recovery_codes) return 'recovery_codes';
  if (need.kind === 'enrolment') return 'enrolment';
  return askForPasskey ? 'add_passkey' : 'finish';
}
