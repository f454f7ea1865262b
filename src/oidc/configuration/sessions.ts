// Sessions of browsers, and what a browser holds of them and of a sign-in on its way.
import { lifetimes } from '../../../config/protocol.js';
import { epochSeconds } from '../../platform/clock.js';
import { CookieKeys } from '../cookie-keys.js';
import type { Chapter } from './chapter.js';

export const sessions: Chapter = (_deps, issuer) => {
  const secure = issuer.url.startsWith('https:');
  return {
    ttl: {
      Grant: lifetimes.grant,
      Interaction: lifetimes.interaction,
      Session: (_ctx, session) => {
        const since = session.loginTs ?? session.iat ?? epochSeconds(new Date());
        return Math.max(1, Math.min(issuer.sessions.idle, since + issuer.sessions.absolute - epochSeconds(new Date())));
      },
    },
    cookies: {
      keys: new CookieKeys(issuer.cookieKeys),
      names: {
        session: secure ? `__Host-${issuer.cookieName}` : issuer.cookieName,
        // The engine scopes these two by path, which a __Host- cookie must not be.
        interaction: secure ? '__Secure-ostiary_interaction' : 'ostiary_interaction',
        resume: secure ? '__Secure-ostiary_resume' : 'ostiary_resume',
      },
      long: { httpOnly: true, sameSite: 'lax', secure, signed: true, path: '/' },
      short: { httpOnly: true, sameSite: 'lax', secure, signed: true },
    },
  };
};
