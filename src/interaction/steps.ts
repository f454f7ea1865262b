// Which step a person takes next: a pure decision. A step never leads to a step; it returns to the dispatcher, which asks here again.
import { z } from 'zod';

/** What the steps of one interaction have established so far. No key is the name of a prompt: such a key would resolve that prompt. */
export const Progress = z.object({
  /** What was typed as the account's name; proves nothing. */
  identifier: z.string().optional(),
  /** Set once the password was right. */
  proof: z
    .object({
      user_id: z.uuid(),
      amr: z.array(z.string()),
      ts: z.number().int(),
      must_change: z.boolean(),
      /** Milliseconds: which of the account's passwords it was. */
      password_set_at: z.number().int(),
    })
    .optional(),
  /** The person wants another account than the one that is signed in. */
  other_account: z.boolean().optional(),
});
export type Progress = z.infer<typeof Progress>;

export type StepName = 'select_account' | 'login' | 'change_password' | 'consent';

export function nextStep(prompt: string, progress: Progress, knownAccounts: number): StepName | 'finish' {
  if (prompt === 'select_account' && !progress.other_account && knownAccounts > 0) return 'select_account';
  if (prompt === 'consent' && !progress.other_account) return 'consent';
  if (!progress.proof) return 'login';
  if (progress.proof.must_change) return 'change_password';
  return 'finish';
}
