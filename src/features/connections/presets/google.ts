import type { Preset } from './preset.js';

/** https://developers.google.com/identity/openid-connect/openid-connect */
export const google: Preset = {
  kind: 'oidc',
  settings: () => ({
    oidc: {
      issuer: 'https://accounts.google.com',
      algorithms: ['RS256'],
      token_endpoint_auth_method: 'client_secret_post',
    },
    // It has neither.
    mapping: { preferred_username: [], groups: [] },
  }),
  isPublic: () => true,
};
