// An RSA key takes a tenth of a second and more to find, and every tenant has some. What one suite has found the next ones of the same process
// are given, in the same order: within a suite each is asked for once, so that no two are the same.
import { webcrypto } from 'node:crypto';

type Generated = Promise<webcrypto.CryptoKey | webcrypto.CryptoKeyPair>;
type Generate = (
  algorithm: string | { name: string },
  isExtractable: boolean,
  usages: webcrypto.KeyUsage[],
) => Generated;

const { subtle } = webcrypto;
const generate = subtle.generateKey.bind(subtle) as Generate;
const found = new Map<string, Generated[]>();
let given = new Map<string, number>();

const spare: Generate = (algorithm, isExtractable, usages) => {
  const { name } = typeof algorithm === 'string' ? { name: algorithm } : algorithm;
  if (!name.startsWith('RSA')) return generate(algorithm, isExtractable, usages);
  const kind = JSON.stringify([algorithm, isExtractable, usages]);
  const keys = found.get(kind) ?? [];
  found.set(kind, keys);
  const place = given.get(kind) ?? 0;
  given.set(kind, place + 1);
  keys[place] ??= generate(algorithm, isExtractable, usages);
  return keys[place];
};

/** For the suite that begins now. */
export function beginWithSpareKeys(): void {
  given = new Map();
  Object.assign(subtle, { generateKey: spare });
}
