// The one home of hashes, random values, constant-time comparison and encryption at rest.
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
  randomBytes,
  randomInt,
  randomUUID,
  timingSafeEqual,
} from 'node:crypto';
import { v7 } from 'uuid';

/** A time-ordered id (RFC 9562 §5.7). */
export const newId = (): string => v7();

/** UUIDv7 of given times: those of one millisecond count up from somewhere (RFC 9562 §6.2, method 1). */
export class TimedIds {
  private msecs = 0;
  private seq = 0;

  at(time: Date): string {
    const msecs = time.getTime();
    this.seq = msecs === this.msecs ? this.seq + 1 : randomBytes(4).readUInt32BE() >>> 1;
    this.msecs = msecs;
    return v7({ msecs, seq: this.seq });
  }
}
/** For what nobody sorts, as the name of a request: a tenth of the price (RFC 9562 §5.4). */
export const newRequestId = (): string => randomUUID();

/** A bearer value nobody can guess: 256 bits unless asked otherwise, base64url. */
export const randomToken = (bytes = 32): string => randomBytes(bytes).toString('base64url');

/** Characters of an alphabet, each as likely as every other. */
export const randomText = (alphabet: string, length: number): string =>
  Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');

export const sha256 = (value: string): string => hash('sha256', value, 'base64url');

/** For a key that is used again and again: of bytes Node.js 24 makes one each time, which takes it longer than the work. */
export const secretKey = (secret: string | Buffer): KeyObject => createSecretKey(Buffer.from(secret));

export const hmac = (key: string | Buffer | KeyObject, value: string): string =>
  createHmac('sha256', key).update(value).digest('base64url');

/** HKDF-SHA-256 (RFC 5869). */
export const deriveKey = (secret: string | Buffer | KeyObject, purpose: string, bytes = 32): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', purpose, bytes));

/** Compares without telling by its duration where two values of one length differ. */
export function safeEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/**
 * Encryption at rest: AES-256-GCM, written `version:iv:tag:ciphertext` (base64url). The context (table, column, row) is authenticated with
 * the text, so a sealed value moved to another row does not open.
 */
export class Sealer {
  private readonly current: string;
  private readonly keys: ReadonlyMap<string, KeyObject>;

  /** @param keys version → 32 bytes, newest first. */
  constructor(keys: ReadonlyMap<string, Buffer>) {
    const [first] = keys.keys();
    if (!first) throw new Error('at least one encryption key is needed');
    this.current = first;
    this.keys = new Map([...keys].map(([version, key]) => [version, secretKey(key)]));
  }

  seal(text: string, context: string): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key(this.current), iv).setAAD(Buffer.from(context));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return [this.current, ...[iv, cipher.getAuthTag(), sealed].map((part) => part.toString('base64url'))].join(':');
  }

  /** @throws Error when the key is unknown, or the text or its context was changed. */
  open(sealed: string, context: string): string {
    const [version = '', iv = '', tag = '', text = ''] = sealed.split(':');
    const decipher = createDecipheriv('aes-256-gcm', this.key(version), Buffer.from(iv, 'base64url'), {
      authTagLength: 16,
    })
      .setAAD(Buffer.from(context))
      .setAuthTag(Buffer.from(tag, 'base64url'));
    return decipher.update(Buffer.from(text, 'base64url'), undefined, 'utf8') + decipher.final('utf8');
  }

  /** Keyed hashes of what is too short for a bare one, by each key, newest first: written by the first, looked for by all. */
  macs(text: string, context: string): Buffer[] {
    return [...this.keys.values()].map((key) =>
      createHmac('sha256', deriveKey(key, `mac:${context}`))
        .update(text)
        .digest(),
    );
  }

  /** @param version what stands before the first colon of a sealed value. */
  ageOf(version: string): 'newest' | 'older' | 'unknown' {
    if (version === this.current) return 'newest';
    return this.keys.has(version) ? 'older' : 'unknown';
  }

  private key(version: string): KeyObject {
    const key = this.keys.get(version);
    if (!key) throw new Error(`encryption key ${version} is not configured`);
    return key;
  }
}
