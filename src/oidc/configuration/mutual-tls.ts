// Clients known by their certificates, and tokens that only the holder of one can use (RFC 8705). Always on in the engine: a client that needs a
// certificate must not get by without where nobody can show one (certificates.ts, sayWhatIsThere).
import { aliasesAt, certificateAuthorized, certificateOf, certificateSubjectMatches } from '../certificates.js';
import type { Chapter } from './chapter.js';

export const mutualTls: Chapter = (_deps, { aliases }) => ({
  ...(aliases === undefined ? {} : { discovery: { mtls_endpoint_aliases: aliasesAt(aliases) } }),
  features: {
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      selfSignedTlsClientAuth: true,
      tlsClientAuth: true,
      getCertificate: certificateOf,
      certificateAuthorized: (ctx) => certificateAuthorized(ctx),
      certificateSubjectMatches,
    },
  },
});
