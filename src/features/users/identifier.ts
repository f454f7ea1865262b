// The one normalisation of what people type to say who they are: used for uniqueness and for look-up, so both always agree.
import { z } from 'zod';
import { invalid } from '../../platform/errors.js';

// Control, format (bidi, zero width), surrogate, private-use and invisible characters: two identifiers that look alike would differ.
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** NFKC and lower case. @returns undefined where it holds characters no identifier may have. */
export function normalizeIdentifier(raw: string): string | undefined {
  const trimmed = raw.trim();
  if (trimmed.length > 1024 || FORBIDDEN.test(trimmed)) return undefined;
  // Lower case can leave a sequence that composes again, hence the second pass.
  const normalized = trimmed.normalize('NFKC').toLowerCase().normalize('NFKC');
  return normalized === '' || FORBIDDEN.test(normalized) ? undefined : normalized;
}

/** @throws AppError 422 */
export function identifierOf(email: string): string {
  const identifier = normalizeIdentifier(email);
  if (!identifier) throw invalid('The e-mail address cannot be used', [{ pointer: '/email', message: 'is not valid' }]);
  return identifier;
}

/** RFC 6531 addresses without quoted local parts; the domain has a dot or is a local name. */
const ADDRESS = /^[^\s@"<>()[\]\\,;:]{1,64}@[^\s@"<>()[\]\\,;:]{1,190}$/u;
/** With a dot too many (RFC 3490 §3.1 reads these alike) the same mailbox would have two identifiers. */
const EMPTY_LABEL = /@[.\u3002]|[.\u3002]{2}[^@]*$|[.\u3002]$/u;

const isAddress = (email: string): boolean => ADDRESS.test(email) && !EMPTY_LABEL.test(email);

export const EmailAddress = z
  .string()
  .trim()
  .max(254)
  .refine((email) => isAddress(normalizeIdentifier(email) ?? '') && isAddress(email), {
    message: 'must be an e-mail address',
  })
  .meta({ description: 'E-mail address', example: 'ada@example.com' });
