// A JWT that an identity provider has signed: whether it can be read in one way only, by an algorithm that is taken, and with a key of its own.
// Hands off to: jose, and the keys of issuers (features/trusted-issuers), which are fetched by the one way out.
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose';
import type { IssuerKeys } from '../features/trusted-issuers/issuer-keys.js';
import { isAmbiguousJwt } from '../platform/strict-jwt.js';
import type { Claims } from './id-token.js';
import { type Examination, shown } from './refusal.js';

const mostCharacters = 64 * 1024;
/** RFC 7518 §3.2: a key is as long as the hash; a shorter one can be guessed from any ID token. */
const shortestSecret = 32;

export interface Signer {
  jwksUri: string;
  algorithms: readonly string[];
  /** For algorithms with a shared secret, which are taken where the connection names them. */
  secret?: string | undefined;
}

export interface SignedJwt {
  header: Claims;
  claims: Claims;
}

export class SignedJwts {
  constructor(private readonly keys: Pick<IssuerKeys, 'of'>) {}

  /** @param kind what it is called in the checks. @throws Refused */
  async verify(
    kind: 'id_token' | 'logout_token',
    jwt: unknown,
    signer: Signer,
    examination: Examination,
  ): Promise<SignedJwt> {
    const read = readJwt(jwt);
    examination.pass({ check: `${kind}_form`, passed: read !== undefined });
    const { header, claims } = read as SignedJwt;
    const { alg, kid } = header;
    examination.pass({
      check: `${kind}_algorithm`,
      passed: typeof alg === 'string' && alg !== 'none' && signer.algorithms.includes(alg),
      seen: shown(alg),
      expected: [...signer.algorithms],
      setting: 'oidc.algorithms',
    });
    const problem = await this.problemOf(String(jwt), String(alg), signer);
    examination.pass({
      check: `${kind}_signature`,
      passed: problem === undefined,
      ...(problem === undefined ? {} : { seen: `kid ${shown(kid)}: ${shown(problem)}`, setting: 'oidc.metadata' }),
    });
    return { header, claims };
  }

  /** A public key is never a shared secret: which of both it is follows from the algorithm alone (RFC 8725 §3.1). */
  private async problemOf(jwt: string, alg: string, { jwksUri, secret = '' }: Signer): Promise<string | undefined> {
    try {
      if (!alg.startsWith('HS')) await compactVerify(jwt, this.keys.of({ jwks: null, jwksUri }), { algorithms: [alg] });
      else if (Buffer.byteLength(secret) < shortestSecret) return 'the client secret is too short for it';
      else await compactVerify(jwt, Buffer.from(secret), { algorithms: [alg] });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : 'it cannot be verified';
    }
  }
}

function readJwt(jwt: unknown): SignedJwt | undefined {
  if (typeof jwt !== 'string' || jwt.length > mostCharacters || isAmbiguousJwt(jwt)) return undefined;
  try {
    return { header: decodeProtectedHeader(jwt), claims: decodeJwt(jwt) };
  } catch {
    return undefined;
  }
}
