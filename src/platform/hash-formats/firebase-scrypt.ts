// Firebase Authentication's scrypt (https://github.com/firebase/scrypt): what scrypt derives is the key that encrypts the project's signer key.
// Written in one string, so that a hash is complete by itself:
//   $firebase-scrypt$r=<rounds>,m=<mem_cost>,sk=<base64_signer_key>,ss=<base64_salt_separator>$<salt>$<passwordHash>
// with the four hash parameters of the project and the two members of the exported user, all as Firebase gives them.
import { createCipheriv } from 'node:crypto';
import { fromBase64, isDigest, type ReadHash, sameBytes } from './imported-hash.js';
import { derive, excessOf, isCost, isWeak } from './scrypt.js';

const base64 = '[A-Za-z0-9+/_=-]';
const pattern = new RegExp(
  `^\\$firebase-scrypt\\$r=(\\d{1,3}),m=(\\d{1,2}),sk=(${base64}{1,172}),ss=(${base64}{0,44})\\$(${base64}{1,344})\\$(${base64}{1,172})$`,
);
const ivOfZeros = Buffer.alloc(16);

export const readFirebaseScrypt: ReadHash = (hash) => {
  const [, r, m, ...parts] = pattern.exec(hash) ?? [];
  const cost = { ln: Number(m), r: Number(r), p: 1 };
  const [signerKey, separator, salt, digest] = parts.map(fromBase64);
  if (!r || !isCost(cost) || !signerKey || !separator || !salt?.length || !isDigest(digest)) return undefined;
  // The cipher is a stream: both have one length.
  if (signerKey.length !== digest.length) return undefined;
  return {
    format: 'firebase-scrypt',
    weak: isWeak(cost),
    excess: excessOf(cost),
    verify(password) {
      const key = derive(password, Buffer.concat([salt, separator]), cost, 64).subarray(0, 32);
      return sameBytes(createCipheriv('aes-256-ctr', key, ivOfZeros).update(signerKey), digest);
    },
  };
};
