// Clients that register themselves (RFC 7591) and manage their registration (RFC 7592).
import { randomBytes } from 'node:crypto';
import type { Chapter } from './chapter.js';

export const registration: Chapter = (_deps, { protocol }) => {
  const enabled = protocol.registration !== 'off';
  return {
    features: {
      registration: {
        enabled,
        initialAccessToken: true,
        issueRegistrationAccessToken: true,
        secretFactory: () => randomBytes(32).toString('base64url'),
      },
      registrationManagement: { enabled, rotateRegistrationAccessToken: true },
    },
  };
};
