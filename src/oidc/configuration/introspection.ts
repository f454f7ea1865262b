// What may be asked of a token (RFC 7662), also answered as a JWT (RFC 9701), and who ends one (RFC 7009).
import { SERVER_ALGS } from '../../features/clients/metadata/values.js';
import { introspectionPolicy, mayRevoke } from '../client-auth.js';
import type { Chapter } from './chapter.js';

export const introspection: Chapter = ({ resources }, { protocol }) => {
  const mayIntrospect = introspectionPolicy(resources, protocol);
  return {
    enabledJWA: { introspectionSigningAlgValues: [...SERVER_ALGS] },
    features: {
      introspection: { enabled: true, allowedPolicy: mayIntrospect as never },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true, allowedPolicy: mayRevoke },
    },
  };
};
