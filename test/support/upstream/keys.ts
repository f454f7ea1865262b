// The keys of the identity provider of the tests, and those that it does not have.
import { createHash } from 'node:crypto';
import { CompactSign, type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose';

export type Json = Record<string, unknown>;

export class UpstreamKeys {
  private constructor(
    /** rsa and ec are published; stranger is not. */
    private readonly pairs: Record<string, CryptoKey>,
    readonly published: JWK[],
  ) {}

  static async make(): Promise<UpstreamKeys> {
    const rsa = await generateKeyPair('RS256', { extractable: true });
    const ec = await generateKeyPair('ES256', { extractable: true });
    const stranger = await generateKeyPair('RS256', { extractable: true });
    const published = [
      { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256', use: 'sig' },
      { ...(await exportJWK(ec.publicKey)), kid: 'ec', alg: 'ES256', use: 'sig' },
    ];
    return new UpstreamKeys({ rsa: rsa.privateKey, ec: ec.privateKey, stranger: stranger.privateKey }, published);
  }

  /** @param by whose key; that of `kid` unless said. */
  sign(claims: Json, header: Json, by = String(header.kid)): Promise<string> {
    const key = this.pairs[by];
    if (!key) throw new Error(`no key ${by}`);
    return new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(header as never).sign(key);
  }

  /** With a shared secret, or with no signature at all. */
  signWith(claims: Json, header: Json, secret: string | Buffer): Promise<string> {
    return new CompactSign(Buffer.from(JSON.stringify(claims)))
      .setProtectedHeader(header as never)
      .sign(Buffer.from(secret));
  }

  /** OpenID Connect Core §3.1.3.6, for SHA-256. */
  halfHash(value: string): string {
    return createHash('sha256').update(value).digest().subarray(0, 16).toString('base64url');
  }
}

export const unsigned = (claims: Json, header: Json): string =>
  `${[header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
