// What links in letters open, wired: a router for each page, none of which needs a session. Tries at all of them are counted together.
import type Router from '@koa/router';
import { createAccountRestoreRouter } from '../letters/account-restore.js';
import { createEmailUndoRouter } from '../letters/email-undo.js';
import { createFactorRecoveryRouter } from '../letters/factor-recovery.js';
import { createForgottenPasswordRouter } from '../letters/forgotten-password.js';
import { createInvitationRouter } from '../letters/invitation.js';
import { createLockdownRouter } from '../letters/lockdown.js';
import { createPasswordRouter } from '../letters/password.js';
import { createSignInLinkRouter } from '../letters/sign-in-link.js';
import { createVerifyEmailRouter } from '../letters/verify-email.js';
import type { Csrf } from '../platform/csrf.js';
import type { Pages } from '../platform/page.js';
import type { Services } from '../services.js';

export function openLetters(services: Services, { csrf, pages }: { csrf: Csrf; pages: Pages }): Router[] {
  const { passwords, passwordLinks, forgottenPasswords, lockdown, magicLinks, emailVerification } = services;
  const { factorRecoveries, emailChange, accountDeletion, invitationAnswers, keptInvitations, rateLimits, limits } =
    services;
  const surroundings = { csrf, pages, failures: rateLimits.limiter({ name: 'link', ...limits.linkFailures }) };
  return [
    createPasswordRouter(surroundings, { passwordLinks, passwords, rateLimits }),
    createForgottenPasswordRouter({ forgottenPasswords, csrf, pages }),
    createLockdownRouter(surroundings, { lockdown }),
    createSignInLinkRouter(surroundings, { magicLinks }),
    createVerifyEmailRouter(surroundings, { emailVerification, passwordLinks }),
    createFactorRecoveryRouter(surroundings, { factorRecoveries }),
    createEmailUndoRouter(surroundings, { emailChange }),
    createAccountRestoreRouter(surroundings, { accountDeletion }),
    createInvitationRouter(surroundings, { invitationAnswers, keptInvitations }),
  ];
}
