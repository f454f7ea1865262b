// What the suites of client libraries share: a request as openid-client makes it, a key, and what a library says when it refuses.
import { exportJWK, generateKeyPair } from 'jose';
import * as client from 'openid-client';

export interface Begun {
  parameters: Record<string, string>;
  checks: client.AuthorizationCodeGrantChecks;
}

/** OpenID Connect Core §3.1.2.1, with PKCE (RFC 7636), state and nonce made anew. */
export async function begin(redirectUri: string, more: Record<string, string> = {}): Promise<Begun> {
  const verifier = client.randomPKCECodeVerifier();
  const [state, nonce] = [client.randomState(), client.randomNonce()];
  return {
    parameters: {
      redirect_uri: redirectUri,
      scope: 'openid profile email',
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...more,
    },
    checks: { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true },
  };
}

/** The key for the library, and the public half for the client's metadata. */
export async function clientKey(alg: string) {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  return {
    key: { key: privateKey as client.CryptoKey, kid: 'k1' },
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg, use: 'sig' }] },
  };
}

/** @returns the error by its registered name, or the library's own code. */
export const refusal = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => 'nothing was refused',
    ({ error, code }: { error?: string; code?: string }) => error ?? code,
  );
