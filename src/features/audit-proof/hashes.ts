// The hashes of the record. Each kind begins with a byte of its own, so that none can be taken for another (RFC 6962 §2.1).
import { createHash } from 'node:crypto';

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const [LEAF, NODE, LINK] = [Buffer.of(0), Buffer.of(1), Buffer.of(2)];

export const leafHash = (text: string): Buffer => sha256(LEAF, Buffer.from(text));

/** One event after the other: each takes along whatever was before it. */
export const linkHash = (previous: Uint8Array, leaf: Uint8Array): Buffer => sha256(LINK, previous, leaf);

/** Before the first event. */
export const BEGINNING = Buffer.alloc(32);

/** Of a signed checkpoint, as the next one names it. */
export const textHash = (text: string): Buffer => sha256(Buffer.from(text));

/** The Merkle Tree Hash (RFC 6962 §2.1) of leaves that come one by one: of each finished subtree only its root is kept. */
export class MerkleTree {
  private readonly roots: { size: number; hash: Buffer }[] = [];

  add(leaf: Buffer): void {
    this.roots.push({ size: 1, hash: leaf });
    for (;;) {
      const [left, right] = this.roots.slice(-2);
      if (!left || !right || left.size !== right.size) return;
      this.roots.splice(-2, 2, { size: left.size * 2, hash: sha256(NODE, left.hash, right.hash) });
    }
  }

  root(): Buffer {
    const last = this.roots.at(-1);
    if (!last) return sha256();
    return this.roots.slice(0, -1).reduceRight((right, { hash }) => sha256(NODE, hash, right), last.hash);
  }
}
