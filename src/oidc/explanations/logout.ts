// Refusals of a sign-out that a relying party asks for (RP-Initiated Logout 1.0).
import type { Explanation } from './explanation.js';

export const logout: readonly Explanation[] = [
  {
    check: 'post_logout_redirect_uri.registered',
    error: 'invalid_request',
    says: 'post_logout_redirect_uri not registered',
    seen: ['post_logout_redirect_uri'],
    registered: ['post_logout_redirect_uris'],
    setting: 'client.post_logout_redirect_uris',
    advice: 'It is compared character by character. Register exactly the one that is sent.',
  },
];
