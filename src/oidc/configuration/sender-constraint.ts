// Tokens that only the holder of a key can use: DPoP (RFC 9449).
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { CLIENT_ALGS } from '../../features/clients/metadata/values.js';
import { isAmbiguousJwt } from '../json-in-requests.js';
import type { Chapter } from './chapter.js';

export const senderConstraint: Chapter = (_deps, issuer) => ({
  enabledJWA: { dPoPSigningAlgValues: [...CLIENT_ALGS] },
  features: {
    dPoP: { enabled: true, nonceSecret: issuer.dpopNonceSecret, requireNonce: readable },
  },
});

/** Asked before a proof is looked at, the one place that the engine has for it. @returns whether the client has to use our nonce: none does. */
function readable(ctx: KoaContextWithOIDC): boolean {
  if (isAmbiguousJwt(ctx.get('DPoP'))) throw new errors.InvalidDpopProof('invalid DPoP key binding');
  return false;
}
