// Clients that register themselves (RFC 7591) and manage their registration (RFC 7592).
import { randomBytes } from 'node:crypto';
import { registrationPolicies } from '../registration.js';
import type { Chapter } from './chapter.js';

export const registration: Chapter = (deps, { url, protocol }) => {
  const enabled = protocol.registration !== 'off';
  return {
    features: {
      registration: {
        enabled,
        // Always: where everybody may register, they hold a token that everybody has (asEverybody).
        initialAccessToken: true,
        policies: registrationPolicies(deps, url) as never,
        issueRegistrationAccessToken: true,
        secretFactory: () => randomBytes(32).toString('base64url'),
      },
      registrationManagement: { enabled, rotateRegistrationAccessToken: true },
    },
  };
};
