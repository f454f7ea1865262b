import type { Preset } from './preset.js';

/** https://developer.apple.com/documentation/signinwithapple – with scopes the answer has to be a form post. */
export const apple: Preset = {
  kind: 'oidc',
  settings: () => ({
    oidc: {
      issuer: 'https://appleid.apple.com',
      algorithms: ['RS256'],
      token_endpoint_auth_method: 'client_secret_post',
      scopes: ['openid', 'name', 'email'],
      response_mode: 'form_post',
      userinfo: false,
    },
    mapping: { nickname: [], preferred_username: [], picture: [], locale: [], groups: [] },
  }),
  isPublic: () => true,
};
