// Signs what browsers hold of the engine, as Keygrip does otherwise: with keys that are made once, and compared without making more of them.
import { createHmac, type KeyObject } from 'node:crypto';
import { safeEqual } from '../platform/crypto.js';

export class CookieKeys {
  private readonly newest: KeyObject;

  /** @param keys newest first; what an older one has signed is still taken. */
  constructor(private readonly keys: readonly KeyObject[]) {
    const [newest] = keys;
    if (newest === undefined) throw new Error('at least one key is needed');
    this.newest = newest;
  }

  sign(data: string): string {
    return signature(this.newest, data);
  }

  verify(data: string, signed: string): boolean {
    return this.index(data, signed) >= 0;
  }

  /** @returns which of the keys has signed it, -1 where none has. */
  index(data: string, signed: string): number {
    return this.keys.findIndex((key) => safeEqual(signature(key, data), signed));
  }
}

/** RFC 6194 §3.3: with HMAC nothing is known against SHA-1, and with another hash everybody would be signed out. */
const signature = (key: KeyObject, data: string): string => createHmac('sha1', key).update(data).digest('base64url');
