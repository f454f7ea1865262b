import { readBcrypt } from './bcrypt.js';
import { readFirebaseScrypt } from './firebase-scrypt.js';
import type { ImportedHash } from './imported-hash.js';
import { readPbkdf2 } from './pbkdf2.js';
import { readScrypt } from './scrypt.js';
import { readSsha } from './ssha.js';

const readers = [readBcrypt, readScrypt, readFirebaseScrypt, readPbkdf2, readSsha];

/** @returns undefined for Argon2, which is ours, and for what nobody knows. */
export function readImported(hash: string): ImportedHash | undefined {
  if (hash.length > 1024) return undefined;
  for (const read of readers) {
    const found = read(hash);
    if (found) return found;
  }
  return undefined;
}
