// Which passwords may be chosen (NIST SP 800-63B-4 §3.1.1): length and what everybody guesses first; no composition rules.
import { commonPasswords } from './common-passwords.js';

export type PasswordProblem = 'too_short' | 'too_long' | 'common' | 'contains_email' | 'repeated' | 'sequence';

export const MIN_LENGTH = 8;
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
export function passwordProblem(password: string, { email }: { email: string }): PasswordProblem | undefined {
  const points = [...password];
  if (points.length < MIN_LENGTH) return 'too_short';
  if (points.length > MAX_LENGTH) return 'too_long';
  const folded = password.normalize('NFKC').toLowerCase();
  if (new Set(folded).size <= 2) return 'repeated';
  if (isRepeatedBlock(folded)) return 'repeated';
  const forwards = SEQUENCES.some((sequence) => sequence.includes(folded));
  if (forwards || SEQUENCES.some((sequence) => sequence.includes([...folded].reverse().join('')))) return 'sequence';
  if (commonPasswords.has(folded) || commonPasswords.has(folded.replace(/[\d!?.@#$%*_-]{1,6}$/, ''))) return 'common';
  return resembles(folded, email.normalize('NFKC').toLowerCase()) ? 'contains_email' : undefined;
}

/** `abcabcabc`: one block of at most four characters, again and again. */
function isRepeatedBlock(text: string): boolean {
  return [3, 4].some((size) => text.length % size === 0 && text === text.slice(0, size).repeat(text.length / size));
}

/** The address or its local part, with a few characters around it at most. */
function resembles(password: string, email: string): boolean {
  const [local = ''] = email.split('@');
  return [email, local].some(
    (part) => part.length >= 4 && password.includes(part) && password.length - part.length <= 4,
  );
}
