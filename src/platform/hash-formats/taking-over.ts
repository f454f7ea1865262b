// Which hashes made elsewhere are taken over: only those that a sign-in can verify later, at a bearable price.
import { ceiling } from '../hashing.js';
import { readImported } from './formats.js';

const argon2id =
  /^\$argon2id\$v=19\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,172}$/;
/** The least of the choices of OWASP: m=7168 KiB, t=5, p=1. */
const minWork = 7168 * 5;

export interface Verdict {
  format: string;
  weak: boolean;
}

/** @returns what is taken over, or in words why it is not. */
export function judgeHash(hash: string): Verdict | string {
  const [, memory, time, lanes] = argon2id.exec(hash) ?? [];
  if (memory) {
    const { memoryCost: m, timeCost: t, parallelism: p } = ceiling;
    const tooMuch = Number(memory) > m || Number(time) > t || Number(lanes) > p;
    if (tooMuch) return `asks for more than m=${m}, t=${t} or p=${p}`;
    return { format: 'argon2id', weak: Number(memory) * Number(time) < minWork };
  }
  const imported = readImported(hash);
  if (!imported) return 'is no hash that is taken over: argon2id, bcrypt, scrypt, firebase-scrypt, PBKDF2 or SSHA';
  return imported.excess ? `asks for too much work: ${imported.excess}` : imported;
}
