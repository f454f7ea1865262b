// A connection as its door sees it: where the identity provider is asked, who we are there, and what it may sign with.
import type { Check } from '../features/connections/check.js';
import type { Connection } from '../features/connections/connection.entity.js';
import type { ProviderMetadata } from '../features/connections/connection-oidc.settings.js';
import { providerMetadataOf } from '../features/connections/connection-upstream.js';
import { Refused } from './refusal.js';

export interface Upstream {
  kind: 'oidc' | 'oauth2';
  clientId: string;
  /** Of OpenID Connect always; OAuth 2.0 knows none unless it is said. */
  issuer: string | undefined;
  endpoints: ProviderMetadata;
  scopes: readonly string[];
  responseMode: 'query' | 'form_post';
  algorithms: readonly string[];
  /** In its words: what it is asked for where somebody is to show two factors. */
  mfaClasses: readonly string[];
  /** Seconds that clocks may differ. */
  tolerance: number;
}

const tolerance = 60;

/** @throws Refused where nobody has said yet where its endpoints are, or it is no connection of this door. */
export function upstreamOf(connection: Connection): Upstream {
  const { oidc, oauth2 } = connection.settings;
  if (oidc) {
    const endpoints = providerMetadataOf(connection);
    if (!endpoints) throw new Refused([unknown('oidc.metadata')]);
    return {
      kind: 'oidc',
      clientId: oidc.client_id,
      issuer: oidc.issuer,
      endpoints,
      scopes: oidc.scopes,
      responseMode: oidc.response_mode,
      algorithms: oidc.algorithms,
      mfaClasses: oidc.mfa.acr,
      tolerance: oidc.clock_skew_seconds,
    };
  }
  if (!oauth2) throw new Refused([unknown('kind')]);
  const { authorization_endpoint, token_endpoint, userinfo_endpoint, scopes, issuer, client_id: clientId } = oauth2;
  // No JWT is read of it.
  const endpoints = { authorization_endpoint, token_endpoint, userinfo_endpoint, jwks_uri: token_endpoint };
  const none = { algorithms: [], mfaClasses: [] };
  return { kind: 'oauth2', clientId, issuer, endpoints, scopes, responseMode: 'query', ...none, tolerance };
}

const unknown = (setting: string): Check => ({ check: 'provider_metadata', passed: false, seen: 'absent', setting });
