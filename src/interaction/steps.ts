// Which step a person takes next: a pure decision. A step never leads to a step; it returns to the dispatcher, which asks here again.
import { z } from 'zod';
import { Proof } from '../features/authentication/assurance.js';
import type { Need } from '../features/authentication/requirement.js';
import { UpstreamStand } from '../features/connections/upstream-stand.js';
import type { Interaction } from '../features/protocol/engine.js';
import { RISK_DECISIONS, RISK_REASONS } from '../features/risk/assess.js';
import type { AuthenticationPolicy, FirstFactor } from '../features/tenants/authentication-policy.js';

/** What the steps of one interaction have established so far. No key is the name of a prompt: such a key would resolve that prompt. */
export const Progress = z.object({
  /** What was typed as the account's name; proves nothing. */
  identifier: z.string().optional(),
  /** Whose proofs these are: set by the first one, and every later one is of the same account. */
  user_id: z.uuid().optional(),
  proofs: z.array(Proof).default([]),
  /** In milliseconds, when the first proof was begun to be looked at: whatever ended the sessions of the account later ended this sign-in too. */
  since: z.number().int().optional(),
  /** Of which session the first so many of them are, where it is stepped up: they end with it. */
  from_session: z.object({ uid: z.string(), proofs: z.number().int() }).optional(),
  /** A code was sent to the address that was typed, and is to be typed in place of a password. */
  email_code: z.boolean().optional(),
  /** The same, by a link; its page takes the code that the link shows in another browser, too. */
  magic_link: z.boolean().optional(),
  /** A code was sent as the second proof. */
  mailed: z.boolean().optional(),
  /** A letter about factors that were lost is on its way. */
  recovery_requested: z.boolean().optional(),
  /** An account was made here, if the address had none: when its password was chosen, and whether the letter about it is still being shown. */
  registered: z.object({ at: z.number().int(), waiting: z.boolean() }).optional(),
  /** Of the password that was proved. `set_at`, in milliseconds, tells which of the account's passwords it was; `failures`, how often it was missed since the last sign-in that was done. */
  password: z
    .object({ must_change: z.boolean(), set_at: z.number().int(), failures: z.number().int().optional() })
    .optional(),
  /** The person wants another account than the one that is signed in. */
  other_account: z.boolean().optional(),
  /** To the identity provider of which connection they were sent on: its key. Proves nothing. */
  going: z.string().max(63).optional(),
  /** What an identity provider said was too old for what is asked: it is to ask anew. */
  again: z.boolean().optional(),
  /** Of which connection an answer was refused here, whatever the reason was: whoever was sent there by their name may prove otherwise who they are. */
  turned_away: z.uuid().optional(),
  /** An identity provider spoke of an account that is there already: whose it is has to be proved before the two are one. */
  linking: z.object({ sign_in: z.uuid(), user_id: z.uuid(), connection: z.uuid(), name: z.string() }).optional(),
  /** Sessions at identity providers that proofs come from: what begins here ends with them. */
  federated: z.array(UpstreamStand).optional(),
  /** A second factor was set up here. */
  enrolled: z.boolean().optional(),
  /** The browser that a password came from could make a passkey. */
  can_passkey: z.boolean().optional(),
  /** Whether the page that asks to add one was shown here, and answered. */
  add_passkey: z.enum(['shown', 'answered']).optional(),
  /** Shown until the person says that they have them. */
  recovery_codes: z.array(z.string()).optional(),
  /** How unlike the others this sign-in is, and of whom: decided once, where the tenant wants it to be followed. */
  risk: z
    .object({
      user_id: z.uuid(),
      decision: z.enum(RISK_DECISIONS),
      score: z.number(),
      reasons: z.array(z.enum(RISK_REASONS)),
    })
    .optional(),
  /** A code by mail was asked for because of it, or came back. */
  confirmation: z.enum(['sent', 'given']).optional(),
});
export type Progress = z.infer<typeof Progress>;

/** What is kept where somebody proves anew who they are, since it may be somebody else: what was asked for, and nothing that was proved or answered. */
export const begunAnew = ({ identifier, other_account, again }: Progress): Progress => ({
  identifier,
  other_account,
  again,
  proofs: [],
});

/** Whether a sign-in may begin with it, or go on where another first proof is asked for. */
export const takesWay = (
  need: Need,
  { first_factors }: Pick<AuthenticationPolicy, 'first_factors'>,
  way: FirstFactor,
) => first_factors.includes(way) && (need.kind !== 'way' || need.methods.includes(way));

/** A first proof: of whoever has proved something before it is added, of anybody else it begins the sign-in, with nothing that the other one answered or set up. */
export function firstProof(progress: Progress, userId: string, proof: Proof, since?: Date): Progress {
  const adds = progress.user_id === userId && progress.proofs.length > 0;
  if (adds) return { ...progress, ...noLetters, proofs: [...progress.proofs, proof] };
  const begun = { ...begunAnew(progress), user_id: userId, proofs: [proof], since: since?.getTime() };
  return isLinking(progress, userId) ? { ...begun, linking: progress.linking } : begun;
}

/** Whether this is the account that is to be proved before an identity provider may speak of it. */
export const isLinking = ({ linking }: Progress, userId: string | undefined): boolean =>
  linking !== undefined && linking.user_id === userId;

/** Whoever has proved who they are waits for no letter any more. */
export const noLetters = { registered: undefined, email_code: undefined, magic_link: undefined };

export type StepName =
  | 'select_account'
  | 'login'
  | 'register'
  | 'registered'
  | 'email_code'
  | 'change_password'
  | 'second_factor'
  | 'confirmation'
  | 'enrolment'
  | 'recovery_codes'
  | 'link'
  | 'add_passkey'
  | 'organization'
  | 'consent';

/** What the decision needs to know of the world. */
export interface Facts {
  /** Accounts that are signed in in this browser. */
  accounts: number;
  need: Need;
  /** People may make accounts themselves. */
  registration: boolean;
  /** It is time to ask whether they want to add a passkey. */
  askForPasskey: boolean;
}

export function nextStep(
  prompt: string,
  progress: Progress,
  { accounts, need, registration, askForPasskey }: Facts,
): StepName | 'finish' {
  // Whoever has begun to prove who they are has chosen: what they proved must not be taken for another choice.
  const chosen = progress.other_account || progress.proofs.length > 0;
  if (prompt === 'select_account' && !chosen && accounts > 0) return 'select_account';
  if (prompt === 'consent' && !progress.other_account) return 'consent';
  if (prompt === 'organization' && !progress.other_account) return 'organization';
  if (isFirst(need)) return firstStep(prompt === 'create' && registration && need.kind !== 'way', progress);
  // Before anything is set up: whoever only knows the password must not add to the account.
  if (need.kind === 'second_factor') return 'second_factor';
  if (need.kind === 'mailbox') return 'confirmation';
  if (progress.password?.must_change) return 'change_password';
  if (progress.recovery_codes) return 'recovery_codes';
  if (need.kind === 'enrolment') return 'enrolment';
  if (isLinking(progress, progress.user_id)) return 'link';
  return askForPasskey ? 'add_passkey' : 'finish';
}

const stepUps = new Set(['acr_unmet', 'mfa_required', 'organization_proof']);

/** A first proof is asked for: of anybody, or another one of whoever it is. */
export const isFirst = ({ kind }: Need): boolean => kind === 'first_factor' || kind === 'way';

/** Only more is asked of who is signed in: what their session stands on counts. Where they are to sign in anew, nothing does. */
export function goesOn({ user_id, other_account }: Progress, { prompt, session }: Interaction): boolean {
  const stepsUp = prompt.name === 'login' && prompt.reasons.every((reason) => stepUps.has(reason));
  if (!stepsUp || !session || other_account) return false;
  return user_id === undefined || user_id === session.accountId;
}

/** It has to be known how old what they prove is. */
export const asksAnew = ({ prompt, max_age }: Interaction['params']): boolean =>
  max_age !== undefined ||
  String(prompt ?? '')
    .split(' ')
    .includes('login');

function firstStep(create: boolean, { registered, email_code, magic_link, identifier }: Progress): StepName {
  if (registered?.waiting && identifier) return 'registered';
  if ((email_code || magic_link) && identifier) return 'email_code';
  // Whoever has said who they are has an account.
  return create && !registered && !identifier ? 'register' : 'login';
}

/** Other steps that are taken at the same place as one, and shown there by a link (`?with=`). */
const others: Partial<Record<StepName, readonly StepName[]>> = {
  login: ['register'],
  register: ['login'],
  registered: ['login'],
  email_code: ['login'],
};

/** @returns the step that is meant, where it may be taken instead of the one that is next. */
export function taken(next: StepName | 'finish', wanted: unknown, { registration }: Pick<Facts, 'registration'>) {
  if (next === 'finish' || wanted === next) return next;
  const other = others[next]?.find((name) => name === wanted);
  return other === 'register' && !registration ? undefined : other;
}
