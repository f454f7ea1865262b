// What links in letters open, wired: one router for each page, none of which needs a session.
import type Router from '@koa/router';
import { createFactorRecoveryRouter } from '../account/factor-recovery.js';
import { createForgottenPasswordRouter } from '../account/forgotten-password.js';
import { createLinkRouter } from '../account/link-pages.js';
import { createLockdownRouter } from '../account/lockdown.js';
import { createPasswordRouter } from '../account/password.js';
import { createSignInLinkRouter } from '../account/sign-in-link.js';
import { createVerifyEmailRouter } from '../account/verify-email.js';
import type { Csrf } from '../platform/csrf.js';
import type { Pages } from '../platform/page.js';
import type { Services } from '../services.js';

export function openLetters(services: Services, { csrf, pages }: { csrf: Csrf; pages: Pages }): Router[] {
  const { passwords, passwordLinks, forgottenPasswords, lockdown, magicLinks, hasher, rateLimits, limits } = services;
  const { emailVerification, factorRecoveries, emailChange, accountDeletion } = services;
  const link = { csrf, pages, rateLimits, limits };
  return [
    createPasswordRouter({ ...link, passwordLinks, passwords, assertRoom: () => hasher.assertRoom() }),
    createForgottenPasswordRouter({ forgottenPasswords, csrf, pages }),
    createLockdownRouter({ ...link, lockdown }),
    createSignInLinkRouter({ ...link, magicLinks }),
    createVerifyEmailRouter({ ...link, emailVerification, passwordLinks }),
    createFactorRecoveryRouter({ ...link, factorRecoveries }),
    createLinkRouter({ ...link, emailChange, accountDeletion }),
  ];
}
