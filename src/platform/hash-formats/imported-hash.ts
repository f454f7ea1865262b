// What a hash made elsewhere says about itself. Reading one costs nothing and may be done anywhere; verifying belongs to hashing-child.ts.
import { timingSafeEqual } from 'node:crypto';

export interface ImportedHash {
  format: 'bcrypt' | 'scrypt' | 'firebase-scrypt' | 'pbkdf2' | 'ssha';
  /** Cheaper to guess for whoever holds it than the least that the OWASP Password Storage Cheat Sheet asks of its algorithm. */
  weak: boolean;
  /** Said where it asks for more work than a sign-in may cost: a row must not be able to take the machine. */
  excess?: string | undefined;
  /** @param password the exact bytes as received. */
  verify(password: Buffer): boolean | Promise<boolean>;
}

/** @returns undefined for what is not of this format, or is only part of one. */
export type ReadHash = (hash: string) => ImportedHash | undefined;

/** Standard, URL-safe or with passlib's `.`; with padding or without. @returns undefined for anything that is no whole number of bytes. */
export function fromBase64(text: string): Buffer | undefined {
  const [, digits] = /^([A-Za-z0-9+/._-]*)={0,2}$/.exec(text) ?? [];
  if (digits === undefined || digits.length % 4 === 1) return undefined;
  return Buffer.from(digits.replaceAll('.', '+'), 'base64');
}

/** A digest is long enough not to be hit by chance; a salt is there and no document. */
export const isDigest = (bytes: Buffer | undefined): bytes is Buffer =>
  bytes !== undefined && bytes.length >= 16 && bytes.length <= 64;
export const isSalt = (bytes: Buffer | undefined): bytes is Buffer =>
  bytes !== undefined && bytes.length >= 4 && bytes.length <= 256;

export const sameBytes = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);
