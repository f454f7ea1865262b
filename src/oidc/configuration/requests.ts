// Authorization requests that come pushed (RFC 9126) or signed (RFC 9101), and signed answers to them.
import { CLIENT_ALGS, SERVER_ALGS } from '../../features/clients/metadata/values.js';
import type { Chapter } from './chapter.js';

export const requests: Chapter = () => ({
  enabledJWA: {
    requestObjectSigningAlgValues: [...CLIENT_ALGS],
    authorizationSigningAlgValues: [...SERVER_ALGS],
  },
  features: {
    pushedAuthorizationRequests: { enabled: true },
    requestObjects: { enabled: true },
  },
});
