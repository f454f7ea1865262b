// What works once: every purpose, what is remembered beside its subject, how long it is good and what it is bound to.
// A new purpose is declared here and accepted by exactly one verb of one feature.

import { sha256 } from '../../platform/crypto.js';

const minute = 60;
const hour = 60 * minute;

export interface OneTimePurposes {
  /** The first administrator. */
  setup: Record<string, never>;
  /** Subject: the user. Dead once the address it was sent to is no longer theirs; so are all that name an address. */
  password_reset: { email: string };
  /** The owner of an address says that it is theirs. `flow`: the interaction in which the letter was asked for; its browser may go on. */
  email_verification: { email: string; flow?: string | undefined };
  /** First factor by a link. Flow: the interaction that asked for it; subject: the user and that. */
  magic_link: { email: string };
  /**
   * Six digits. Flow: the interaction that asked for them, and as what; subject: the user and that. `shown`: on the page of a link, to whoever
   * reads the mailbox.
   */
  email_code: { email: string; shown?: boolean };
  /** Sent to the new address. Flow: the session that asked for the change. */
  email_change: { from: string; to: string };
  /** Sent to the old address, to take the change back. Subject: the user and that address, so that a second change does not end the first way back. */
  email_change_undo: { from: string; to: string; at: string };
  /** "This wasn't me": locks the account down. Subject: the user and the letter, or the session that asked for it on a proof that was not new. */
  lockdown: { email: string; keeps_factors?: true };
  /** Takes back the deletion of an account, until it is done. */
  account_deletion_undo: { email: string };
  /** Takes away the factors of an account that were lost, once the wait is over. */
  mfa_recovery: { email: string };
  /** Subject: the invitation, which knows whom it is for. */
  invitation: Record<string, never>;
}

export type Purpose = keyof OneTimePurposes;

/** Seconds. */
export const TTL_SECONDS = {
  setup: 30 * minute,
  password_reset: hour,
  email_verification: 24 * hour,
  magic_link: 15 * minute,
  email_code: 10 * minute,
  email_change: hour,
  email_change_undo: 7 * 24 * hour,
  lockdown: 7 * 24 * hour,
  account_deletion_undo: 30 * 24 * hour,
  /** After the wait. */
  mfa_recovery: 7 * 24 * hour,
  /** Each organization says for itself. */
  invitation: 7 * 24 * hour,
} as const satisfies Record<Purpose, number>;

/** Good in one flow only, which is part of the key. */
export type FlowPurpose = 'magic_link' | 'email_code' | 'email_change';

/** Short enough to be typed, and so to be guessed: these are tried, never looked up. */
export type CodePurpose = 'email_code';
export type LinkPurpose = Exclude<Purpose, CodePurpose>;

/** What is asked for beside the token, where its purpose is bound to a flow. */
export type Bound<P extends Purpose> = P extends FlowPurpose ? { flow: string } : { flow?: never };

/** What of a user dies with their password. What names an address dies with that: whoever accepts it compares the two. */
export const ENDED_WITH_PASSWORD = [
  'password_reset',
  'magic_link',
  'email_code',
  'email_change',
  'mfa_recovery',
] as const;

/**
 * What of a user dies with their address, or with their account: it must not come alive again where either is given back. Not so "This was not
 * me": whoever is in an account that is not theirs would end it by a change of address or a deletion, both of which its owner takes back. While
 * the account is closed, or at another address, nobody accepts it.
 */
export const ENDED_WITH_ADDRESS = [...ENDED_WITH_PASSWORD, 'email_verification', 'account_deletion_undo'] as const;

/**
 * Of what somebody has several of at a time, one for each sign-in, letter or address: a newer one takes the place of the older of the same, and
 * nobody ends by asking what somebody else is waiting for.
 */
export const subjectOf = (owner: string, ofWhat: string): string => `${owner}:${ofWhat}`;

/** Of a way back to a former address. */
export const undoSubject = (owner: string, emailNormalized: string): string =>
  subjectOf(owner, sha256(emailNormalized));

/** Whose it is, by its subject. */
export const ownerOf = (subject: string): string => subject.split(':')[0] ?? '';

export const MAX_TRIES = 5;
