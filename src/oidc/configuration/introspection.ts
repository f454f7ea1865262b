// What may be asked of a token (RFC 7662) and who ends one (RFC 7009).
import { SERVER_ALGS } from '../../features/clients/metadata/values.js';
import { mayIntrospect, mayRevoke } from '../client-auth.js';
import type { Chapter } from './chapter.js';

export const introspection: Chapter = () => ({
  enabledJWA: { introspectionSigningAlgValues: [...SERVER_ALGS] },
  features: {
    introspection: { enabled: true, allowedPolicy: async (_ctx, client, token) => mayIntrospect(client, token) },
    revocation: { enabled: true, allowedPolicy: mayRevoke },
  },
});
