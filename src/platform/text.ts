// Text that people will read: no control characters, nothing that reorders or hides what is shown.
import { z } from 'zod';

// Bidi controls (Unicode UAX #9 §2) can make a name read as another one; lone surrogates are no text at all.
const HIDDEN = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}/u;
const CONTROL = /\p{Cc}|[\u2028\u2029]/u;

const isPlain = (text: string): boolean => !CONTROL.test(text) && !HIDDEN.test(text);

export const plainText = (max: number) =>
  z.string().trim().min(1).max(max).refine(isPlain, { message: 'must not hold control characters' });

/** As plainText, and to the byte as it was sent: a space at either end, too, is hidden from whoever reads it. */
export const exactText = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => isPlain(text) && text.trim() === text, {
      message: 'must not hold control characters or spaces around it',
    });

/** As plainText, with line feeds, as in a postal address. */
export const multilineText = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .refine((text) => !CONTROL.test(text.replaceAll(/\r?\n/g, '')) && !HIDDEN.test(text), {
      message: 'must not hold control characters',
    });
