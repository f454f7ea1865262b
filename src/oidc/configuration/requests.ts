// Authorization requests that come pushed (RFC 9126) or signed (RFC 9101), and signed answers to them (JARM).
import { CLIENT_ALGS, SERVER_ALGS } from '../../features/clients/metadata/values.js';
import { assertRequestObject } from '../request-object.js';
import type { Chapter } from './chapter.js';

export const requests: Chapter = (_deps, { protocol }) => ({
  enabledJWA: {
    requestObjectSigningAlgValues: [...CLIENT_ALGS],
    authorizationSigningAlgValues: [...SERVER_ALGS],
  },
  // The engine says it where its own switch is on, which would be for the house's own pages too (pushed-only.ts).
  discovery: protocol.require_pushed_authorization_requests ? { require_pushed_authorization_requests: true } : {},
  features: {
    pushedAuthorizationRequests: { enabled: true },
    requestObjects: { enabled: true, assertJwtClaimsAndHeader: assertRequestObject as never },
    jwtResponseModes: { enabled: true },
  },
});
