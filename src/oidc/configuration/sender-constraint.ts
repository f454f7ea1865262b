// Tokens that only the holder of a key can use: DPoP (RFC 9449).
import { CLIENT_ALGS } from '../../features/clients/metadata/values.js';
import { asksForNonce } from '../dpop.js';
import type { Chapter } from './chapter.js';

export const senderConstraint: Chapter = (_deps, issuer) => ({
  enabledJWA: { dPoPSigningAlgValues: [...CLIENT_ALGS] },
  features: {
    dPoP: { enabled: true, nonceSecret: issuer.dpopNonceSecret, requireNonce: asksForNonce(issuer.protocol) },
  },
});
