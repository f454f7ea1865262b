// The page behind the link by which somebody says that an address is theirs, where it is opened in another browser than the account was made
// in; and the page on which another link is asked for.
// Hands off to: EmailVerification; PasswordLinks for the owner of a mailbox in whose name somebody else has made an account.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { EmailVerification } from '../features/accounts/email-verification.js';
import type { PasswordLinks } from '../features/credentials/password-links.js';
import { assertSameOrigin } from '../platform/csrf.js';
import { AppError } from '../platform/errors.js';
import { readForm, seeOther, textField } from '../platform/form.js';
import { admit, giveBack, LinkForm, type LinkSurroundings, routerOf, tokenOf } from './link-page.js';

interface VerifyEmailDependencies {
  emailVerification: Pick<EmailVerification, 'peek' | 'confirm' | 'resend'>;
  passwordLinks: Pick<PasswordLinks, 'issue'>;
}

const ConfirmForm = LinkForm.extend({ password: textField, not_mine: textField });
const ResendForm = z.object({ username: textField, csrf: textField });

interface Problem {
  code: string;
  seconds?: number | undefined;
}

/** Nobody is known here yet: the form is taken from our own page, whoever opened it. */
const binding = 'verify-email';

export function createVerifyEmailRouter(
  surroundings: LinkSurroundings,
  { emailVerification, passwordLinks }: VerifyEmailDependencies,
): Router {
  const { csrf, pages } = surroundings;
  const router = routerOf('/verify-email');

  router.get('/verify-email', async (ctx) => {
    const token = tokenOf(ctx);
    const found = await emailVerification.peek(token);
    if (found?.flow && !ctx.query.elsewhere) {
      const here = `${ctx.state.prefix}/interaction/${found.flow}/verify-email`;
      return seeOther(ctx, `${here}?${new URLSearchParams({ token })}`);
    }
    await ask(ctx, token);
  });

  router.post('/verify-email', readForm, async (ctx) => {
    const { token, password, not_mine } = await admit(ctx, ConfirmForm, surroundings);
    const found = await emailVerification.peek(token);
    // Whoever sends neither says nothing about whose account it is.
    if (found?.unproved && !password && !not_mine) return ask(ctx, token, { code: 'missing_password' });
    try {
      const by = found?.unproved && !not_mine ? { password } : {};
      const { user, disowned } = await emailVerification.confirm(token, by);
      seeOther(ctx, disowned ? await passwordLinks.issue(user) : `${ctx.state.prefix}/verify-email/done`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.code === 'wrong_password') return ask(ctx, token, { code: 'not_verified' });
      if (error.status === 503) return ask(ctx, token, { code: 'busy', seconds: error.details.retryAfter }, 503);
      if (error.code === 'invalid_link') return expired(ctx);
      throw error;
    }
    await giveBack(ctx, surroundings);
  });

  router.post('/verify-email/resend', readForm, async (ctx) => {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const { username, csrf: given } = ResendForm.parse(ctx.request.body ?? {});
    csrf.assert(binding, given);
    const name = username.trim();
    if (!name) return expired(ctx, { code: 'missing_username' }, 422);
    if (name.length > 320) return expired(ctx, { code: 'invalid_username' }, 422);
    try {
      await emailVerification.resend(name);
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 429) throw error;
      return expired(ctx, { code: 'too_many_requests', seconds: error.details.retryAfter }, 429);
    }
    seeOther(ctx, `${ctx.state.prefix}/verify-email/sent`);
  });

  router.get('/verify-email/sent', (ctx) => pages.send(ctx, 'verify-email/sent', {}));
  router.get('/verify-email/done', (ctx) => pages.send(ctx, 'verify-email/done', {}));

  async function ask(ctx: Context, token: string, error?: Problem, status = error ? 422 : 200): Promise<void> {
    const found = await emailVerification.peek(token);
    if (!found) return expired(ctx);
    const { user, unproved } = found;
    const data = {
      token,
      username: user.email,
      unproved,
      error,
      actions: { submit: `${ctx.state.prefix}/verify-email` },
    };
    await pages.send(ctx, 'verify-email/confirm', data, {
      status,
      csrf: csrf.token(token),
      retryAfter: error?.seconds,
    });
  }

  function expired(ctx: Context, error?: Problem, status = 400): Promise<void> {
    const data = { error, actions: { submit: `${ctx.state.prefix}/verify-email/resend` } };
    const retryAfter = status === 429 ? error?.seconds : undefined;
    return pages.send(ctx, 'verify-email/expired', data, { status, csrf: csrf.token(binding), retryAfter });
  }

  return router;
}
