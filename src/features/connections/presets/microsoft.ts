import type { Preset } from './preset.js';

/**
 * https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc – the issuer of one directory: of `common` anybody may come, with whatever
 * address their own administrator has typed. `xms_edov` says that its domain was proved, where the application asks for the claim.
 */
export const microsoft: Preset = {
  kind: 'oidc',
  settings: ({ oidc }) => {
    const directory = (oidc as { directory?: unknown } | undefined)?.directory;
    return {
      oidc: {
        ...(typeof directory === 'string' && { issuer: `https://login.microsoftonline.com/${directory}/v2.0` }),
        algorithms: ['RS256'],
        token_endpoint_auth_method: 'client_secret_post',
      },
      mapping: { email_verified: ['xms_edov'], nickname: [], picture: [], locale: [] },
    };
  },
};
