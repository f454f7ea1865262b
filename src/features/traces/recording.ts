// What a trace of a sign-in at an identity provider holds: each step of it, with what was seen, masked. All of it is sealed.
import { z } from 'zod';

const Value = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);

export const Recording = z.object({
  discovery: z.string().optional().meta({ description: 'How it came to this connection' }),
  request: z.object({
    purpose: z.string(),
    prompt: z.string().optional(),
    max_age: z.int().optional(),
    acr: z.array(z.string()).optional(),
    login_hint: z.boolean(),
  }),
  checks: z.array(
    z.object({
      check: z.string(),
      passed: z.boolean(),
      seen: Value.optional(),
      expected: Value.optional(),
      setting: z.string().optional().meta({ description: 'What to change; absent where the answer has to be another' }),
    }),
  ),
  identity: z
    .object({
      subject: z.string(),
      attributes: z.record(z.string(), z.array(z.string())).meta({ description: 'Masked' }),
      authenticated_at: z.int().optional(),
      acr: z.string().optional(),
      amr: z.array(z.string()).optional(),
      session: z.boolean(),
      tokens: z.boolean(),
    })
    .optional(),
  mapping: z
    .object({
      email: z.string().optional(),
      email_verified: z.boolean(),
      claims: z.array(z.string()),
      groups: z.array(z.string()),
      dropped: z.array(z.object({ claim: z.string(), attribute: z.string() })),
    })
    .optional(),
  decision: z.object({ kind: z.string(), reason: z.string().optional() }).optional(),
  result: z
    .object({
      user_id: z.string(),
      created: z.boolean(),
      membership: z.string().optional().meta({ description: 'What became of the membership in the organization' }),
    })
    .optional(),
});
export type Recording = z.infer<typeof Recording>;

/** `message`: what was received, for looking at it again; never shown. */
export type Recorded = Recording & { message?: string | undefined };

/** Of an address the domain stays, of other text the beginning: enough to see which it was, too little to be somebody's. */
export function masked(text: string): string {
  const at = text.lastIndexOf('@');
  if (at > 0) return `${[...text.slice(0, at)][0]}…${cut(text.slice(at))}`;
  const letters = [...text];
  return letters.length <= 2 ? '…' : `${letters[0]}… (${letters.length})`;
}

const cut = (text: string): string => (text.length > 120 ? `${text.slice(0, 119)}…` : text);
