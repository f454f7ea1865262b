// PBKDF2 (RFC 8018 §5.2) with HMAC-SHA-256 or -512, in three spellings: PHC $pbkdf2-sha256$i=600000$salt$hash, passlib's without `i=`, and
// Django's pbkdf2_sha256$600000$salt$hash, whose salt is text.
import { pbkdf2Sync } from 'node:crypto';
import { fromBase64, isDigest, isSalt, type ReadHash, sameBytes } from './imported-hash.js';

const phc = /^\$pbkdf2-(sha256|sha512)\$(?:i=)?([1-9]\d{0,9})(?:,l=\d{1,3})?\$([^$]{1,400})\$([^$]{1,100})$/;
const django = /^pbkdf2_(sha256|sha512)\$([1-9]\d{0,9})\$([\x21-\x7e]{1,256})\$([^$]{1,100})$/;

const digestBytes = { sha256: 32, sha512: 64 };
/** Iterations for each block of output. Some 0.4 s with SHA-256 and twice that with SHA-512. */
const maxIterations = 2_000_000;
/** OWASP Password Storage Cheat Sheet. */
const minIterations = { sha256: 600_000, sha512: 210_000 };

export const readPbkdf2: ReadHash = (hash) => {
  const ofDjango = django.exec(hash);
  const [, name, count, saltText = '', digestText = ''] = ofDjango ?? phc.exec(hash) ?? [];
  if (name !== 'sha256' && name !== 'sha512') return undefined;
  const iterations = Number(count);
  const salt = ofDjango ? Buffer.from(saltText) : fromBase64(saltText);
  const digest = fromBase64(digestText);
  if (!isSalt(salt) || !isDigest(digest)) return undefined;
  // Whoever guesses needs the first block only.
  const blocks = Math.ceil(digest.length / digestBytes[name]);
  return {
    format: 'pbkdf2',
    weak: iterations < minIterations[name],
    excess: iterations * blocks > maxIterations ? `at most ${maxIterations} iterations` : undefined,
    verify: (password) => sameBytes(pbkdf2Sync(password, salt, iterations, digest.length, name), digest),
  };
};
