// scrypt (RFC 7914) as a PHC string: $scrypt$ln=16,r=8,p=1$salt$hash, where ln is the logarithm of N.
import { scryptSync } from 'node:crypto';
import { fromBase64, isDigest, isSalt, type ReadHash, sameBytes } from './imported-hash.js';

const pattern = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([^$]{1,400})\$([^$]{1,100})$/;

export interface ScryptCost {
  ln: number;
  r: number;
  p: number;
}

/** N·r·p: some 0.7 s, and with p = 1 the 256 MiB that Argon2 may ask for too. Beyond it at half of that: OWASP's first choice is 2^20. */
const maxWork = 2 ** 21;
/** The least of the choices of OWASP: N = 2^13, r = 8, p = 10. */
const minWork = 2 ** 13 * 80;
const work = ({ ln, r, p }: ScryptCost) => 2 ** ln * r * p;

/** RFC 7914 §6: N > 1, and r and p are positive. */
export const isCost = ({ ln, r, p }: ScryptCost) => ln >= 1 && r >= 1 && p >= 1;
export const isWeak = (cost: ScryptCost) => work(cost) < minWork;
export const excessOf = (cost: ScryptCost) =>
  work(cost) > maxWork ? `N·r·p of at most ${maxWork}, which is 2^18·8·1` : undefined;

export const derive = (password: Buffer, salt: Buffer, { ln, r, p }: ScryptCost, length: number): Buffer =>
  // maxmem is a limit of the library, 32 MiB unless said; ours is maxWork.
  scryptSync(password, salt, length, { N: 2 ** ln, r, p, maxmem: 128 * r * (2 ** ln + p + 8) });

export const readScrypt: ReadHash = (hash) => {
  const [, ln, r, p, saltText = '', digestText = ''] = pattern.exec(hash) ?? [];
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  const [salt, digest] = [fromBase64(saltText), fromBase64(digestText)];
  if (!ln || !isCost(cost) || !isSalt(salt) || !isDigest(digest)) return undefined;
  return {
    format: 'scrypt',
    weak: isWeak(cost),
    excess: excessOf(cost),
    verify: (password) => sameBytes(derive(password, salt, cost, digest.length), digest),
  };
};
