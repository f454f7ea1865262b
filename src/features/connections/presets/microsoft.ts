import type { Preset } from './preset.js';

/**
 * https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc – the issuer of one directory: of `common` anybody may come, with whatever
 * address their own administrator has typed. `xms_edov` says that its domain was proved, where the application asks for the claim.
 */
export const microsoft: Preset = {
  kind: 'oidc',
  settings: (given) => {
    const { directory } = oidcOf(given);
    return {
      oidc: {
        ...(directory === undefined ? {} : { issuer: issuerOf(directory) }),
        algorithms: ['RS256'],
        token_endpoint_auth_method: 'client_secret_post',
      },
      mapping: { email_verified: ['xms_edov'], nickname: [], picture: [], locale: [] },
    };
  },
  isPublic: (given) => {
    const { directory, issuer } = oidcOf(given);
    if (directory === undefined || directory.toLowerCase() === personal) return true;
    return issuer !== undefined && issuer !== issuerOf(directory);
  },
};

/** The directory of all accounts that people have made for themselves. */
const personal = '9188040d-6c67-4c5b-b112-36a304b66dad';

const issuerOf = (directory: string) => `https://login.microsoftonline.com/${directory}/v2.0`;

function oidcOf({ oidc }: Readonly<Record<string, unknown>>): { directory?: string; issuer?: string } {
  return (oidc ?? {}) as { directory?: string; issuer?: string };
}
