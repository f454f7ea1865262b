// Which passwords may be chosen (NIST SP 800-63B-4 §3.1.1): length and what everybody guesses first; no composition rules.
import { commonPasswords } from './common-passwords.js';

export type PasswordProblem =
  | 'too_short'
  | 'too_long'
  | 'common'
  | 'contains_email'
  | 'contains_name'
  | 'repeated'
  | 'sequence';

/** What is known of where and for whom a password is chosen. */
export interface PasswordContext {
  email: string;
  /** What the tenant calls itself. */
  names?: readonly string[] | undefined;
  /** The tenant's own, where it asks for more than the standard. */
  minLength?: number | undefined;
}

const MIN_LENGTH = 8;
export const MAX_LENGTH = 1024;

const SEQUENCES = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890123456789',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
  'azertyuiopqsdfghjklmwxcvbn',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm',
];

/** Lengths are counted in code points; the password itself is used exactly as it was received. */
export function passwordProblem(
  password: string,
  { email, names = [], minLength = MIN_LENGTH }: PasswordContext,
): PasswordProblem | undefined {
  const points = [...password];
  if (points.length < Math.max(MIN_LENGTH, minLength)) return 'too_short';
  if (points.length > MAX_LENGTH) return 'too_long';
  const folded = password.normalize('NFKC').toLowerCase();
  if (new Set(folded).size <= 2) return 'repeated';
  if (isRepeatedBlock(folded)) return 'repeated';
  const forwards = SEQUENCES.some((sequence) => sequence.includes(folded));
  if (forwards || SEQUENCES.some((sequence) => sequence.includes([...folded].reverse().join('')))) return 'sequence';
  if (commonPasswords.has(folded) || commonPasswords.has(folded.replace(/[\d!?.@#$%*_-]{1,6}$/, ''))) return 'common';
  if (resembles(folded, partsOfEmail(email))) return 'contains_email';
  return resembles(folded, names.flatMap(wordsOf)) ? 'contains_name' : undefined;
}

/** `abcabcabc`: one block of at most four characters, again and again. */
function isRepeatedBlock(text: string): boolean {
  return [3, 4].some((size) => text.length % size === 0 && text === text.slice(0, size).repeat(text.length / size));
}

/** Words that somebody who guesses tries for this person, here. */
export const contextWords = ({ email, names = [] }: PasswordContext): string[] =>
  [...partsOfEmail(email), ...names.flatMap(wordsOf)].filter((word) => word.length >= 3);

const fold = (text: string) => text.normalize('NFKC').toLowerCase();

/** The address, its local part and the words of both; of the domain all but its last label. */
function partsOfEmail(email: string): string[] {
  const [local = '', domain = ''] = fold(email).split('@');
  return [fold(email), local, ...local.split(/[^\p{L}\p{N}]+/u), ...domain.split('.').slice(0, -1)];
}

/** A name as one word and each word of it. */
function wordsOf(name: string): string[] {
  const words = fold(name)
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);
  return [words.join(''), words.join(' '), ...words];
}

/** One of the parts, with a few characters around it at most. */
const resembles = (password: string, parts: string[]): boolean =>
  parts.some((part) => part.length >= 4 && password.includes(part) && password.length - part.length <= 4);
