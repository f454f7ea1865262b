// Clients: what they are when they say nothing, how they authenticate (RFC 6749 §2.3, RFC 7523), what is fetched from them.
import type { Configuration } from 'oidc-provider';
import { clockTolerance } from '../../../config/protocol.js';
import { settingsOf, travellingNames } from '../../features/clients/client-settings.js';
import { AUTH_METHODS, CLIENT_ALGS } from '../../features/clients/metadata/values.js';
import { isForUsNow } from '../client-auth.js';
import { refusedRegistration } from '../registration.js';
import type { Chapter } from './chapter.js';

export const clients: Chapter = ({ egress }, { detailsTypes }) => ({
  clientDefaults: {
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    // The engine takes none for none. Which a client may ask for is decided where they are looked at (authorization-details.ts).
    authorization_details_types: [...detailsTypes.keys()],
  },
  extraClientMetadata: { properties: [...travellingNames], validator: refusedRegistration as never },
  clientBasedCORS: (_ctx, origin, client) => settingsOf(client).allowed_cors_origins?.includes(origin) ?? false,
  clientAuthMethods: [...AUTH_METHODS],
  clockTolerance,
  assertJwtClientAuthClaimsAndHeader: isForUsNow,
  // No HMAC and no symmetric encryption anywhere: a client secret is kept as a hash and can be no key.
  enabledJWA: { clientAuthSigningAlgValues: [...CLIENT_ALGS] },
  fetch: ((url: URL | string, options?: RequestInit) => egress.fetch(String(url), options)) as Configuration['fetch'],
  fetchResponseBodyLimits: { jwks_uri: 256 * 1024, sector_identifier_uri: 64 * 1024 } as never,
});
