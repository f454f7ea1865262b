import type { Preset } from './preset.js';

/** https://docs.github.com/apps/oauth-apps – OAuth 2.0 alone; addresses have an API of their own, which says whether they were proved. */
export const github: Preset = {
  kind: 'oauth2',
  settings: () => ({
    oauth2: {
      authorization_endpoint: 'https://github.com/login/oauth/authorize',
      token_endpoint: 'https://github.com/login/oauth/access_token',
      userinfo_endpoint: 'https://api.github.com/user',
      emails_endpoint: 'https://api.github.com/user/emails',
      subject: 'id',
      scopes: ['read:user', 'user:email'],
      token_endpoint_auth_method: 'client_secret_post',
    },
    trust: { email: 'claim' },
    mapping: {
      given_name: [],
      family_name: [],
      nickname: [],
      preferred_username: ['login'],
      picture: ['avatar_url'],
      locale: [],
      groups: [],
    },
  }),
  isPublic: () => true,
};
