// The page on which somebody asks for a link to choose another password. Its answer is the same whether or not there is an account.
// Hands off to: ForgottenPasswords, which sends the link; /password, which accepts it.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { ForgottenPasswords } from '../features/accounts/forgotten-passwords.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { AppError } from '../platform/errors.js';
import { readForm, seeOther, textField } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import { routerOf } from './link-page.js';

export interface ForgottenPasswordDependencies {
  forgottenPasswords: Pick<ForgottenPasswords, 'request'>;
  csrf: Csrf;
  pages: Pages;
}

const ForgottenPasswordForm = z.object({ username: textField, csrf: textField });

/** Nobody is known here yet: the form is taken from our own page, whoever opened it. */
const binding = 'forgotten-password';

export function createForgottenPasswordRouter({
  forgottenPasswords,
  csrf,
  pages,
}: ForgottenPasswordDependencies): Router {
  const router = routerOf('/forgotten-password');

  router.get('/forgotten-password', (ctx) => ask(ctx));

  router.post('/forgotten-password', readForm, async (ctx) => {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const { username, csrf: given } = ForgottenPasswordForm.parse(ctx.request.body ?? {});
    csrf.assert(binding, given);
    const name = username.trim();
    if (!name) return ask(ctx, { code: 'missing_username' });
    if (name.length > 320) return ask(ctx, { code: 'invalid_username' });
    try {
      await forgottenPasswords.request(name);
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 429) throw error;
      return ask(ctx, { code: 'too_many_requests', seconds: error.details.retryAfter }, 429);
    }
    seeOther(ctx, `${ctx.state.prefix}/forgotten-password/done`);
  });

  router.get('/forgotten-password/done', (ctx) => pages.send(ctx, 'password/sent', {}));

  function ask(
    ctx: Context,
    error?: { code: string; seconds?: number | undefined },
    status = error ? 422 : 200,
  ): Promise<void> {
    const data = { error, actions: { submit: `${ctx.state.prefix}/forgotten-password` } };
    const retryAfter = status === 429 ? error?.seconds : undefined;
    return pages.send(ctx, 'password/forgotten', data, { status, csrf: csrf.token(binding), retryAfter });
  }

  return router;
}
