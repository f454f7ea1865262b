// bcrypt (Provos and Mazières 1999) in the modular crypt format: $2a$, $2b$ and PHP's $2y$. $2x$ marks hashes of a broken implementation.
import type { ReadHash } from './imported-hash.js';

const pattern = /^\$2[aby]\$(\d{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}$/;
/** Some 1.1 s. Each step doubles it. */
const maxCost = 14;
const minCost = 4;

export const readBcrypt: ReadHash = (hash) => {
  const cost = Number(pattern.exec(hash)?.[1] ?? 0);
  if (cost < minCost || cost > 31) return undefined;
  return {
    format: 'bcrypt',
    weak: cost < 10,
    excess: cost > maxCost ? `cost of at most ${maxCost}` : undefined,
    async verify(password) {
      // Only where it is needed: most servers never see one.
      const { default: bcrypt } = await import('bcryptjs');
      // The algorithm knows 72 bytes; whoever has a longer password has always come in with these. What they typed is hashed anew, whole.
      return bcrypt.compareSync(password.toString('utf8'), hash);
    },
  };
};
