import type { Preset } from './preset.js';

/** https://docs.gitlab.com/integration/openid_connect_provider/ – one of one's own names its issuer. */
export const gitlab: Preset = {
  kind: 'oidc',
  settings: () => ({
    oidc: { issuer: 'https://gitlab.com', algorithms: ['RS256'] },
    mapping: { groups: ['groups', 'groups_direct'] },
  }),
  isPublic: () => true,
};
