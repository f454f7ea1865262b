// Whether what was signed is all there and hangs together, before events are held against it.
import type { JWK } from 'jose';
import type { Finding } from './chain-verifier.js';
import { type Checkpoint, isSigned } from './checkpoint.js';
import { textHash } from './hashes.js';

interface Looked {
  /** Oldest first: those that can be believed. */
  believed: Checkpoint[];
  findings: Finding[];
}

/**
 * @param checkpoints oldest first.
 * @param keys public halves. The newest checkpoint has to be signed with one of them; each names the one before it, whose key may be gone.
 * @param kept what was fetched earlier and kept where nobody who writes here can write.
 */
export async function checkpointsOf(
  checkpoints: readonly Checkpoint[],
  keys: readonly JWK[],
  kept: readonly Checkpoint[] = [],
): Promise<Looked> {
  const findings: Finding[] = [];
  const find = ({ number }: { number: number }, says: string) =>
    findings.push({ kind: 'checkpoint', says: `checkpoint ${number} ${says}` });
  const believed: Checkpoint[] = [];
  let after: Checkpoint | undefined;
  for (const one of [...checkpoints].reverse()) {
    const signed = await isSigned(one, keys);
    const named = after?.previous === textHash(one.jws).toString('base64url');
    if (signed === false) find(one, 'is not signed with the key it names');
    else if (!after && signed === undefined) find(one, `is signed with ${one.kid}, which is no key of the issuer`);
    else if (after && after.number !== one.number + 1)
      find(after, `does not follow ${one.number}: those between are missing`);
    else if (after && (!named || after.first !== one.last + 1))
      find(one, `is not the one that ${after.number} follows`);
    else believed.unshift(one);
    after = one;
  }
  for (const one of kept) {
    const same = checkpoints.find(({ number }) => number === one.number);
    if (same?.jws === one.jws) continue;
    find(one, same ? 'is another than the one that was kept' : 'was kept elsewhere, and is not here');
  }
  return { believed, findings };
}
