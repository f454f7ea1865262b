// How we show an identity provider who asks (RFC 6749 §2.3, OpenID Connect Core §9): as the connection says. Nothing of it leaves otherwise.
import { importJWK, type JWK, SignJWT } from 'jose';
import { type ClientAuth, ClientSecretBasic, ClientSecretPost, None } from 'openid-client';
import type { ConnectionSettings } from '../features/connections/connection.settings.js';
import { newId } from '../platform/crypto.js';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** Seconds: for one request. */
const lifetime = 120;

export interface ClientKeys {
  /** As it is shown there: Apple's is made of a key. */
  secret: string;
  /** Of the tenant: private, with `alg` and `kid`. */
  key: () => Promise<JWK>;
  /** NumericDate. */
  now: number;
}

export function clientAuthentication({ oidc, oauth2 }: ConnectionSettings, keys: ClientKeys): ClientAuth {
  const method = (oidc ?? oauth2)?.token_endpoint_auth_method ?? 'none';
  switch (method) {
    case 'client_secret_basic':
      return ClientSecretBasic(keys.secret);
    case 'client_secret_post':
      return ClientSecretPost(keys.secret);
    case 'private_key_jwt':
      return withAssertion(keys);
    case 'none':
      return None();
  }
}

/** RFC 7523 §3; the audience is the issuer alone, so that nobody else can show it anywhere (OpenID Connect Core §9 as revised in 2024). */
const withAssertion =
  ({ key, now }: ClientKeys): ClientAuth =>
  async ({ issuer }, { client_id: clientId }, body) => {
    const jwk = await key();
    const { alg, kid } = jwk as { alg: string; kid: string };
    const assertion = await new SignJWT()
      .setProtectedHeader({ alg, kid })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(issuer)
      .setIssuedAt(now)
      .setExpirationTime(now + lifetime)
      .setJti(newId())
      .sign(await importJWK(jwk, alg));
    body.set('client_id', clientId);
    body.set('client_assertion_type', assertionType);
    body.set('client_assertion', assertion);
  };
