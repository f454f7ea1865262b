// Text that people will read: no control characters, nothing that reorders or hides what is shown.
import { z } from 'zod';

// Bidi controls (Unicode UAX #9 §2) can make a name read as another one; lone surrogates are no text at all.
const HIDDEN = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}/u;
const CONTROL = /\p{Cc}|[\u2028\u2029]/u;

export const isPlain = (text: string): boolean => !CONTROL.test(text) && !HIDDEN.test(text);

export const plainText = (max: number) =>
  z.string().trim().min(1).max(max).refine(isPlain, { message: 'must not hold control characters' });

/** What fills no place, or looks like none (Unicode Default_Ignorable_Code_Point; format characters; a Braille cell without dots). */
const UNSEEN = /[\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;

/**
 * To the byte as it was sent, and every character of it is seen: a space at either end, too, is hidden from whoever reads it. Joiners, which some
 * scripts have within words, are refused with the others: of what is agreed to nothing may differ that does not look so.
 */
export const isVisible = (text: string): boolean => isPlain(text) && !UNSEEN.test(text) && text.trim() === text;

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
