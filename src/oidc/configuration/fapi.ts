// FAPI 1.0 Advanced and FAPI 2.0, for the clients that have the profile. The engine does the smaller part of it: what metadata must say is in
// features/clients/profiles.ts, what messages must be in oidc/profile.ts.
import { fapiProfile } from '../profile.js';
import type { Chapter } from './chapter.js';

export const fapi: Chapter = () => ({
  features: {
    fapi: { enabled: true, profile: (_ctx, client) => fapiProfile(client) },
  },
});
