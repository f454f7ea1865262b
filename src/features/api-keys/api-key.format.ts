// What an API key looks like: `ost_live_` or `ost_test_`, 48 random characters (285 bits), 6 of a checksum. A scanner of source code finds one by its
// pattern and knows by the checksum that it is one; so does this server, before it asks the database.
import { randomText, sha256 } from '../../platform/crypto.js';

export const ENVIRONMENTS = ['live', 'test'] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM = 48;
const CHECKSUM = 6;
/** Shown of each key: what stays secret is more than 256 bits. */
const SHOWN = 4;

/** As docs/api-keys.md gives it to scanners. */
export const KEY_PATTERN = /ost_(?:live|test)_[0-9A-Za-z]{54}/;

const whole = new RegExp(`^${KEY_PATTERN.source}$`);

export interface NewKey {
  value: string;
  prefix: string;
  hash: string;
}

export function makeKey(environment: Environment): NewKey {
  const body = `ost_${environment}_${randomText(ALPHABET, RANDOM)}`;
  const value = `${body}${checksumOf(body)}`;
  return { value, prefix: body.slice(0, `ost_${environment}_`.length + SHOWN), hash: sha256(value) };
}

/** Whether it was meant as a key: it is looked for among them, and nowhere else. */
export const looksLikeKey = (value: string): boolean => /^ost_(?:live|test)_/.test(value);

/** @returns undefined for what was never a key of any server: mistyped, cut off, invented. */
export function hashOfKey(value: string): string | undefined {
  const isOne = whole.test(value) && checksumOf(value.slice(0, -CHECKSUM)) === value.slice(-CHECKSUM);
  return isOne ? sha256(value) : undefined;
}

/** The first 32 bits of the SHA-256 of what stands before it, as a number to the base of 62. */
function checksumOf(body: string): string {
  let rest = Buffer.from(sha256(body), 'base64url').readUInt32BE();
  let text = '';
  for (let place = 0; place < CHECKSUM; place += 1) {
    text = `${ALPHABET[rest % 62]}${text}`;
    rest = Math.floor(rest / 62);
  }
  return text;
}
