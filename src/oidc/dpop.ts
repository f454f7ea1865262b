// Proofs of possession (RFC 9449) where the engine asks us: whether a nonce is needed, and to whom a refresh token is bound.
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { errors, type Provider } from 'oidc-provider';
import { settingsOf } from '../features/clients/client-settings.js';
import { isAmbiguousJwt } from '../platform/strict-jwt.js';
import { currentEngineContext } from './adapter.js';
import type { EngineContext } from './engine-types.js';
import { profileOf, signingProblem } from './profile.js';

/**
 * RFC 9449 §8, §9. The engine asks before it looks at the proof, and has one list of algorithms for all clients: what a profile allows is said here.
 * At /userinfo the client is not known yet, so there only the tenant decides about nonces, and the algorithm is asked of when the proof is spent
 * (replays.ts).
 * @throws InvalidDpopProof for a proof that can be read in two ways, and for one that the client's profile forbids.
 */
export const asksForNonce =
  (policy: { dpop_nonce_required: boolean }) =>
  (ctx: EngineContext): boolean => {
    const { client } = ctx.oidc;
    const proof = ctx.get('DPoP');
    if (isAmbiguousJwt(proof)) throw new errors.InvalidDpopProof('invalid DPoP key binding');
    const problem = client && proofProblem(client, proof);
    if (problem) throw new errors.InvalidDpopProof(problem);
    return policy.dpop_nonce_required || settingsOf(client).dpop_nonce_required === true;
  };

/** What the profile of a client has against a proof of it. */
export function proofProblem(client: unknown, proof: string): string | undefined {
  try {
    return signingProblem(client, decodeProtectedHeader(proof), decodeJwt(proof));
  } catch {
    // No JWT at all: the engine says so.
    return undefined;
  }
}

/**
 * The engine binds refresh tokens of public clients alone (RFC 9449 §5). With FAPI 2.0 no refresh token is ever replaced, so it is as good as the key
 * beside it. Certificates are renewed, so a refresh token outlives them: the client authenticates with the new one (RFC 8705 §7.1).
 */
export function bindRefreshTokens(provider: Provider): void {
  const prototype = provider.RefreshToken.prototype as unknown as {
    jkt?: string | undefined;
    save(...rest: unknown[]): Promise<string>;
  };
  const { save } = prototype;
  prototype.save = function (this: typeof prototype, ...rest) {
    const { client, entities } = currentEngineContext()?.oidc ?? {};
    const key = (entities?.AccessToken as { jkt?: string } | undefined)?.jkt;
    if (this.jkt === undefined && key !== undefined && profileOf(client) === 'fapi2') this.jkt = key;
    return save.apply(this, rest);
  };
}
