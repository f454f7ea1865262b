// Salted digests of directories (RFC 2307 and what OpenLDAP made of it): {SSHA}, {SSHA256} and {SSHA512} before base64(digest ‖ salt).
import { createHash } from 'node:crypto';
import { fromBase64, isSalt, type ReadHash, sameBytes } from './imported-hash.js';

const pattern = /^\{SSHA(|256|512)\}([^{}]{1,440})$/i;
const digests = { '': ['sha1', 20], '256': ['sha256', 32], '512': ['sha512', 64] } as const;

export const readSsha: ReadHash = (hash) => {
  const [, size, text = ''] = pattern.exec(hash) ?? [];
  const bytes = fromBase64(text);
  if (size === undefined || !bytes) return undefined;
  const [name, length] = digests[size as keyof typeof digests];
  const [digest, salt] = [bytes.subarray(0, length), bytes.subarray(length)];
  if (!isSalt(salt)) return undefined;
  return {
    format: 'ssha',
    // One round of a fast digest: guessed by the billion.
    weak: true,
    verify: (password) => sameBytes(createHash(name).update(password).update(salt).digest(), digest),
  };
};
