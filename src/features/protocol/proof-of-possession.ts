// Whoever shows a token that is bound to a key proves that they hold the key (RFC 9449 §4.3, §7.1): for doors of ours that take tokens.
import { calculateJwkThumbprint, EmbeddedJWK, type JWTPayload, type JWTVerifyResult, jwtVerify } from 'jose';
import { epochSeconds } from '../../platform/clock.js';
import { sha256 } from '../../platform/crypto.js';
import { isAmbiguousJwt } from '../../platform/strict-jwt.js';
import { CLIENT_ALGS } from '../clients/metadata/values.js';

/** An access token as a request shows it. */
export interface ShownToken {
  token: string;
  scheme: 'Bearer' | 'DPoP';
  /** The header DPoP. */
  proof: string | undefined;
  /** RFC 8705 §3.1: the thumbprint of the certificate that was shown. */
  certificate?: string | undefined;
  /** Of the request, in which the proof has to name them; the address without what follows the path. */
  method: string;
  uri: string;
}

/** What a good proof says. */
export interface Proof {
  /** Of the key that signed it (RFC 7638): the token names the same, or is another's. */
  thumbprint: string;
  jti: string;
  /** NumericDate after which the proof is refused for its age. */
  until: number;
  /** For whoever asks more of it. */
  alg: string;
  claims: JWTPayload;
}

/** RFC 9449 §7.1: answered with its code; the message names what is wrong with it, and nothing of what was sent. */
export class InvalidProof extends Error {
  readonly code: 'invalid_dpop_proof' | 'use_dpop_nonce';

  /** @param nonce with which it would be good (RFC 9449 §9). */
  constructor(
    message: string,
    readonly nonce?: string,
  ) {
    super(message);
    this.code = nonce === undefined ? 'invalid_dpop_proof' : 'use_dpop_nonce';
  }
}

/** RFC 9449 §11.1: how far from now a proof may have been made, in seconds; the endpoints of the engine allow as much. */
const MOST_SECONDS = 300;

/** @throws InvalidProof. Whether it was shown before is not looked at yet: what is refused for another reason spends nothing. */
export async function provenBy({ token, proof, method, uri }: ShownToken, now: Date): Promise<Proof> {
  if (!proof) throw new InvalidProof('A token with the scheme DPoP needs a proof in the header DPoP');
  if (isAmbiguousJwt(proof)) throw new InvalidProof('The DPoP proof can be read in more than one way');
  const { payload, thumbprint, alg } = await verified(proof, now);
  const { jti, iat, htm, htu, ath } = payload;
  if (typeof jti !== 'string' || jti === '') throw new InvalidProof('The DPoP proof needs a jti');
  if (typeof iat !== 'number' || Math.abs(iat - epochSeconds(now)) > MOST_SECONDS)
    throw new InvalidProof('The DPoP proof was not made just now (iat)');
  if (htm !== method) throw new InvalidProof('The DPoP proof is for another method (htm)');
  if (addressOf(htu) !== addressOf(uri)) throw new InvalidProof('The DPoP proof is for another address (htu)');
  if (ath !== sha256(token)) throw new InvalidProof('The DPoP proof is for another access token (ath)');
  return { thumbprint, jti, until: iat + MOST_SECONDS, alg, claims: payload };
}

/** A header that was sent twice has a comma between, and is no JWT any more (RFC 9449 §4.3, no. 1). */
async function verified(proof: string, now: Date): Promise<{ payload: JWTPayload; thumbprint: string; alg: string }> {
  let result: JWTVerifyResult;
  try {
    result = await jwtVerify(proof, EmbeddedJWK, { algorithms: [...CLIENT_ALGS], typ: 'dpop+jwt', currentDate: now });
  } catch {
    throw new InvalidProof(
      'The DPoP proof is no JWT of type dpop+jwt with a good signature by the public key it holds',
    );
  }
  const { jwk, alg } = result.protectedHeader;
  if (!jwk) throw new InvalidProof('The DPoP proof holds no key');
  return { payload: result.payload, thumbprint: await calculateJwkThumbprint(jwk), alg };
}

/** RFC 9449 §4.3, no. 9: compared after normalization, without query and fragment. */
function addressOf(uri: unknown): string | undefined {
  if (typeof uri !== 'string' || !URL.canParse(uri)) return undefined;
  const { origin, pathname, username, password } = new URL(uri);
  return username || password ? undefined : `${origin}${pathname}`;
}
