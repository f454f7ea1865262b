// Every endpoint of a tenant at which somebody may show what they hold, and how: as parameter, form, header, cookie or part of the path.
import { password } from './party.js';
import type { Way } from './shown.js';
import type { House } from './tenancy.js';
import { accountWays } from './ways-account.js';
import { apiWays, stepWays } from './ways-api.js';
import { engineWays } from './ways-engine.js';
import { federationWays } from './ways-federation.js';

/** Every way in which a value is shown at a tenant, by endpoint. `b` is who is asked, and shows what is its own beside it. */
export const ways = (b: House): Record<string, Way> => ({
  ...engineWays(b),
  ...pageWays(b),
  ...accountWays(b),
  ...federationWays(b),
  ...stepWays(b),
  ...apiWays(b),
});

/** The pages of a sign-in, and what links in letters open. */
function pageWays(b: House): Record<string, Way> {
  const link = { username: 'a@example.com', password: 'another good passphrase' };
  const origin = { origin: new URL(b.server.issuer).origin };
  const found: Record<string, Way> = {
    'GET /account-restore/done': (v) => ({
      method: 'GET',
      path: `/account-restore/done?token=${encodeURIComponent(v)}`,
    }),
    'GET /password/done': (v) => ({ method: 'GET', path: `/password/done?token=${encodeURIComponent(v)}` }),
    'GET /errors/:id': (v) => ({ method: 'GET', path: `/errors/${encodeURIComponent(v)}` }),
    'GET /forgotten-password': (v) => ({ method: 'GET', path: `/forgotten-password?token=${encodeURIComponent(v)}` }),
    'POST /forgotten-password': (v) => ({
      method: 'POST',
      path: '/forgotten-password',
      headers: origin,
      form: { username: v, csrf: v },
    }),
    'GET /forgotten-password/done': (v) => ({
      method: 'GET',
      path: `/forgotten-password/done?token=${encodeURIComponent(v)}`,
    }),
    'GET /lockdown/done': (v) => ({ method: 'GET', path: `/lockdown/done?token=${encodeURIComponent(v)}` }),
    'GET /api/docs': (v) => ({ method: 'GET', path: `/api/docs?code=${encodeURIComponent(v)}` }),
    'GET /api/docs/oauth2-redirect.html': (v) => ({
      method: 'GET',
      path: `/api/docs/oauth2-redirect.html?code=${encodeURIComponent(v)}`,
    }),
    'GET /dev/mailbox': (v) => ({ method: 'GET', path: `/dev/mailbox?id=${encodeURIComponent(v)}` }),
    'GET /dev/mailbox/:id': (v) => ({ method: 'GET', path: `/dev/mailbox/${encodeURIComponent(v)}` }),
    'GET /interaction/:uid': (v) => ({ method: 'GET', path: `/interaction/${encodeURIComponent(v)}` }),
    'GET /interaction/:uid/switch': (v) => ({ method: 'GET', path: `/interaction/${encodeURIComponent(v)}/switch` }),
    'GET /interaction/:uid/federation/callback': (v) => ({
      method: 'GET',
      path: `/interaction/${encodeURIComponent(v)}/federation/callback?handle=${encodeURIComponent(v)}`,
    }),
    'GET /interaction/:uid/federation/:key': (v) => ({
      method: 'GET',
      path: `/interaction/${encodeURIComponent(v)}/federation/${encodeURIComponent(v)}`,
    }),
    'POST /interaction/:uid/federation/:key': (v) => ({
      method: 'POST',
      path: `/interaction/${encodeURIComponent(v)}/federation/${encodeURIComponent(v)}`,
      headers: origin,
      form: { csrf: v },
    }),
    'POST /interaction/:uid/strength': (v) => ({
      method: 'POST',
      path: `/interaction/${encodeURIComponent(v)}/strength`,
      headers: origin,
      form: { password, csrf: v },
    }),
    'POST /setup/strength': (v) => ({
      method: 'POST',
      path: '/setup/strength',
      headers: origin,
      form: { ...link, token: v, password, csrf: v },
    }),
    'POST /password/strength': (v) => ({
      method: 'POST',
      path: '/password/strength',
      headers: origin,
      form: { ...link, token: v, password, csrf: v },
    }),
    'POST /interaction/:uid/:step': (v) => ({
      method: 'POST',
      path: `/interaction/${encodeURIComponent(v)}/login`,
      headers: origin,
      form: { username: b.email, password, csrf: v },
    }),
  };
  for (const [name, own] of [
    ['setup', b.setupToken],
    ['password', b.passwordToken],
    ['lockdown', b.lockdownToken],
    ['verify-email', b.verificationToken],
    ['sign-in-link', b.signInToken],
    ['factor-recovery', b.recoveryToken],
    ['email-undo', b.emailUndoToken],
    ['account-restore', b.restoreToken],
    ['invitation', b.invitationToken],
  ] as const) {
    found[`GET /${name}`] = (v) => ({ method: 'GET', path: `/${name}?token=${encodeURIComponent(v)}` });
    found[`POST /${name}`] = (v) => ({
      method: 'POST',
      path: `/${name}`,
      headers: origin,
      form: { ...link, token: v, csrf: v },
    });
    found[`POST /${name} csrf`] = (v) => ({
      method: 'POST',
      path: `/${name}`,
      headers: origin,
      form: { ...link, token: own, csrf: v },
    });
  }
  for (const page of ['verify-email/sent', 'verify-email/done', 'factor-recovery/done'])
    found[`GET /${page}`] = (v) => ({ method: 'GET', path: `/${page}?token=${encodeURIComponent(v)}` });
  found['POST /verify-email/resend'] = (v) => ({
    method: 'POST',
    path: '/verify-email/resend',
    headers: origin,
    form: { username: 'a@example.com', csrf: v },
  });
  for (const page of ['sign-in-link', 'verify-email']) {
    const path = (uid: string, v: string) =>
      `/interaction/${encodeURIComponent(uid)}/${page}?token=${encodeURIComponent(v)}`;
    found[`GET /interaction/:uid/${page}`] = (v) => ({ method: 'GET', path: path('another', v) });
    found[`GET /interaction/:uid/${page} uid`] = (v) => ({ method: 'GET', path: path(v, b.signInToken) });
    found[`POST /interaction/:uid/${page}`] = (v) => ({
      method: 'POST',
      path: path(v, v),
      headers: origin,
      form: { token: v, csrf: v },
    });
    found[`POST /interaction/:uid/${page} cookies`] = (v, uid = 'x') => ({
      method: 'POST',
      path: path(uid, b.signInToken),
      headers: { cookie: v, ...origin },
      form: { token: b.signInToken },
    });
  }
  return found;
}
