// id_token_hint, where the ID token was signed by a key that is published no longer: applications keep ID tokens for as long as somebody is
// signed in, and sign out with them. The engine knows published keys only, and takes whatever they signed for an ID token.
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import type { Client, JWK, Provider } from 'oidc-provider';

interface IdTokens {
  validate(jwt: string, client: Client): Promise<unknown>;
}

export function believeRetired(provider: Provider, { url, retired }: { url: string; retired: JWK[] }): void {
  const kids = new Set(retired.map(({ kid }) => kid));
  const keys = createLocalJWKSet({ keys: retired } as JSONWebKeySet);
  const idTokens = provider.IdToken as unknown as IdTokens;
  const published = idTokens.validate;
  idTokens.validate = async function (jwt, client) {
    const { kid, typ } = decodeProtectedHeader(jwt);
    // RFC 8725 §3.11: a JWT says what it is for. A Logout Token has the same issuer, audience and subject.
    if (typ !== undefined && typ.toUpperCase() !== 'JWT') throw new Error('not an ID token');
    if (!kid || !kids.has(kid)) return published.call(this, jwt, client);
    const { payload, protectedHeader } = await jwtVerify(jwt, keys, {
      issuer: url,
      audience: client.clientId,
      algorithms: [String(client.idTokenSignedResponseAlg)],
      requiredClaims: ['sub'],
      // A hint says who it was, not that it still is: one that has expired is as good (OpenID Connect RP-Initiated Logout 1.0 §2).
      currentDate: new Date(0),
    });
    return { payload, header: protectedHeader };
  };
}
