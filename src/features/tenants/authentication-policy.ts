// The tenant's rules for signing in. Clients may tighten them (default_acr_values, RFC 7591), never loosen them.
import { z } from 'zod';

export const FIRST_FACTORS = ['password', 'passkey', 'magic_link', 'email_code'] as const;
export type FirstFactor = (typeof FIRST_FACTORS)[number];

export const SECOND_FACTORS = ['passkey', 'totp', 'email_code'] as const;
export type SecondFactor = (typeof SECOND_FACTORS)[number];

const list = <T extends readonly [string, ...string[]]>(names: T) =>
  z
    .array(z.enum(names))
    .max(names.length)
    .refine((given) => new Set(given).size === given.length, { message: 'names must differ' });

export const RiskPolicy = z
  .strictObject({
    /** `notify`: the owner is told by mail. `enforce`: from the scores below, another proof is asked for, or nobody is let in. */
    action: z.enum(['notify', 'enforce']).default('notify'),
    step_up_from: z.number().int().min(10).max(200).default(50),
    deny_from: z.number().int().min(10).max(200).default(110),
  })
  .refine(({ step_up_from, deny_from }) => step_up_from <= deny_from, {
    message: 'deny_from must not be less than step_up_from',
    path: ['deny_from'],
  });
export type RiskPolicy = z.infer<typeof RiskPolicy>;

export const AuthenticationPolicy = z
  .strictObject({
    /** What a sign-in may begin with. */
    first_factors: list(FIRST_FACTORS).min(1).default(['password', 'passkey']),
    /** What may come second. A code by mail is the weakest (NIST SP 800-63B-4 §3.1.3.1), so it is left out unless said. */
    second_factors: list(SECOND_FACTORS).default(['passkey', 'totp']),
    /** `optional`: asked of whoever has one. `required`: whoever has none sets one up at the next sign-in. */
    multi_factor: z.enum(['off', 'optional', 'required']).default('optional'),
    /** Days for which a browser may be remembered after a second factor; 0: never. */
    remember_days: z.number().int().min(0).max(90).default(30),
    /** Whether people may make an account themselves. */
    registration: z.enum(['open', 'closed']).default('closed'),
    /** Whether such an account is good for anything before its address is proved. `optional` tells strangers which addresses have one. */
    email_verification: z.enum(['required', 'optional']).default('required'),
    /** Hours after which somebody who knows the password and holds the mailbox can have lost factors taken away; 0: only administrators can. */
    recovery_delay_hours: z.number().int().min(0).max(720).default(24),
    passkeys: z
      .strictObject({
        /** Whether the make of an authenticator has to be proved when one is added (WebAuthn §5.4.7). */
        attestation: z.enum(['none', 'direct']).default('none'),
        /** AAGUIDs, which need be no UUIDs of RFC 9562, of the only makes that may be added, where not all may. */
        allowed_aaguids: z.array(z.guid()).max(100).optional(),
        /** Whether people who signed in with a password are asked, every thirty days at most, to add one. */
        upgrade_prompt: z.boolean().default(true),
      })
      .prefault({}),
    /** Characters that a password has at least. */
    password_min_length: z.number().int().min(8).max(64).default(8),
    /** What follows where a sign-in is not like the others; what counts how much is in features/risk/assess.ts. */
    risk: RiskPolicy.prefault({}),
  })
  .refine(({ multi_factor, second_factors }) => multi_factor !== 'required' || second_factors.length > 0, {
    message: 'a second factor cannot be required where none is allowed',
    path: ['multi_factor'],
  })
  .refine(
    ({ multi_factor, first_factors, second_factors }) =>
      multi_factor !== 'required' ||
      second_factors.some((method) => method !== 'email_code') ||
      !first_factors.some((method) => method === 'magic_link' || method === 'email_code'),
    {
      message: 'a code by mail is no second factor after a link or a code by mail: allow another one',
      path: ['second_factors'],
    },
  );
export type AuthenticationPolicy = z.infer<typeof AuthenticationPolicy>;
