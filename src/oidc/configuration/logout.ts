// Signing out: asked by a relying party (RP-Initiated Logout 1.0), told to the others (Back-Channel Logout 1.0).
import type { Chapter } from './chapter.js';

export const logout: Chapter = ({ pages }) => ({
  features: {
    rpInitiatedLogout: { enabled: true, logoutSource: pages.confirmLogout, postLogoutSuccessSource: pages.signedOut },
    // What is registered and published; sessions tell of their end themselves (withoutCalls).
    backchannelLogout: { enabled: true },
  },
});
