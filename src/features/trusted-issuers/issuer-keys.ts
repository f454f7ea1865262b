// The public keys of trusted issuers: as they are written down, or fetched from where the issuer publishes them, by the one way out and not without
// bound. A kid that nobody knows has them fetched anew once a minute, and what cannot be fetched is left alone for half a minute.
import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Egress } from '../../platform/egress.js';
import type { TrustedIssuer } from './trusted-issuer.entity.js';

const minute = 60_000;
const ttl = { cooldownDuration: minute, cacheMaxAge: 10 * minute, timeoutDuration: 5_000 };
const leftAlone = minute / 2;
const mostSets = 500;
const mostCharacters = 256 * 1024;

export class IssuerKeys {
  /** By URI: the same keys for whoever trusts them. The oldest goes first. */
  private readonly remote = new Map<string, JWTVerifyGetKey>();
  private readonly failed = new Map<string, number>();

  constructor(private readonly egress: Pick<Egress, 'fetch'>) {}

  of({ jwks, jwksUri }: Pick<TrustedIssuer, 'jwks' | 'jwksUri'>): JWTVerifyGetKey {
    if (jwksUri === null) return createLocalJWKSet(jwks as unknown as JSONWebKeySet);
    let keys = this.remote.get(jwksUri);
    if (!keys) {
      keys = createRemoteJWKSet(new URL(jwksUri), { ...ttl, [customFetch]: (url) => this.fetch(url) });
      this.remote.set(jwksUri, keys);
      shorten(this.remote);
    }
    return keys;
  }

  private async fetch(url: string): Promise<Response> {
    if ((this.failed.get(url) ?? 0) > Date.now())
      throw new Error('the keys of its issuer could not be fetched a moment ago');
    try {
      const answer = await this.egress.fetch(url, {
        headers: { accept: 'application/jwk-set+json, application/json' },
      });
      const text = await answer.text();
      if (answer.status !== 200 || text.length > mostCharacters) throw new Error(`answered ${answer.status}`);
      this.failed.delete(url);
      return new Response(text);
    } catch (error) {
      this.failed.set(url, Date.now() + leftAlone);
      shorten(this.failed);
      throw new Error('the keys of its issuer cannot be fetched', { cause: error });
    }
  }
}

function shorten(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size > mostSets && oldest !== undefined) map.delete(oldest);
}
