// Under which names lies what is counted and issued for a person, or for an address that nobody has: made with a key of the tenant, so that a
// copy of the database tells neither. Pure.
import { hmac } from '../../platform/crypto.js';
import { normalizeIdentifier } from './identifier.js';

/** Of guesses at a password: whatever was typed, whether or not it is somebody's. */
export const passwordSubject = (key: string, identifier: string): string =>
  hmac(key, normalizeIdentifier(identifier) ?? identifier.slice(0, 1024));

/** Of guesses at codes. */
export const secondFactorSubject = (key: string, userId: string): string => hmac(key, `second-factor\0${userId}`);

/** Of sign-ins that were not let in although whoever it was knew how. */
export const denialSubject = (key: string, userId: string): string => hmac(key, `denied\0${userId}`);

/** Of links and codes for an address that nobody has; those of a user have the user's id. */
export const nobodySubject = (key: string, emailNormalized: string): string =>
  `nobody:${hmac(key, `mailbox\0${emailNormalized}`)}`;

/** Everything that is counted for one person. */
export const subjectsOf = (key: string, { id, emailNormalized }: { id: string; emailNormalized: string }): string[] => [
  passwordSubject(key, emailNormalized),
  secondFactorSubject(key, id),
  denialSubject(key, id),
];
