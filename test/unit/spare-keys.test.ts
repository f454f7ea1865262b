import { webcrypto } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { generateKeyPair } from 'jose';
import { beginWithSpareKeys } from '../support/spare-keys.js';

const make = (isExtractable = true) => generateKeyPair('RS256', { extractable: isExtractable });
const modulusOf = async ({ publicKey }: { publicKey: webcrypto.CryptoKey }) =>
  (await webcrypto.subtle.exportKey('jwk', publicKey)).n;

it('no two RSA keys of one suite are the same, and those of the next are the same again', async () => {
  const first = [await make(), await make(), await make(false)];
  expect(new Set(await Promise.all(first.map(modulusOf))).size).toBe(3);
  beginWithSpareKeys();
  const again = [await make(), await make(), await make(false)];
  expect(await Promise.all(again.map(modulusOf))).toEqual(await Promise.all(first.map(modulusOf)));
  expect(first.map(({ privateKey }) => privateKey.extractable)).toEqual([true, true, false]);
  expect(await modulusOf(await make())).not.toBe(await modulusOf(await make()));
});
