// The page behind a mailed link: its holder chooses a password, once.
// Hands off to: PasswordLinks, which knows whose link it is and ends what rested on the old password.
import type Router from '@koa/router';
import type { Context } from 'koa';
import type { z } from 'zod';
import { limits } from '../../config/protocol.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { PasswordLinks } from '../features/credentials/password-links.js';
import { assertSameOrigin } from '../platform/csrf.js';
import { AppError } from '../platform/errors.js';
import { readForm, seeOther, textField } from '../platform/form.js';
import type { RateLimits } from '../platform/rate-limit.js';
import { strengthMeter } from '../platform/strength-meter.js';
import { admit, expired, giveBack, LinkForm, type LinkSurroundings, routerOf, tokenOf } from './link-page.js';

export interface PasswordDependencies {
  passwordLinks: Pick<PasswordLinks, 'peek' | 'redeem'>;
  passwords: Pick<PasswordService, 'minLength' | 'strength'>;
  rateLimits: RateLimits;
}

const PasswordForm = LinkForm.extend({ password: textField });
type PasswordForm = z.infer<typeof PasswordForm>;

interface Answer {
  error?: { code: string; seconds?: number | undefined };
  reasons?: string[];
}

export function createPasswordRouter(
  surroundings: LinkSurroundings,
  { passwordLinks, passwords, rateLimits }: PasswordDependencies,
): Router {
  const { csrf, pages } = surroundings;
  const router = routerOf('/password');
  const answerStrength = strengthMeter(passwords, rateLimits, limits.strength);

  router.get('/password', (ctx) => ask(ctx, tokenOf(ctx), {}));

  router.post('/password', readForm, async (ctx) => {
    const form = await admit(ctx, PasswordForm, surroundings);
    try {
      await passwordLinks.redeem(form.token, form.password);
      seeOther(ctx, `${ctx.state.prefix}/password/done`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.status === 400) return expired(pages, ctx);
      await refuse(ctx, form, error);
    }
    await giveBack(ctx, surroundings);
  });

  router.post('/password/strength', readForm, async (ctx) => {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const form = PasswordForm.parse(ctx.request.body ?? {});
    csrf.assert(form.token, form.csrf);
    const user = await passwordLinks.peek(form.token);
    if (!user) return expired(pages, ctx);
    await answerStrength(ctx, form.password, user);
  });

  router.get('/password/done', (ctx) => pages.send(ctx, 'password/done', {}));

  function refuse(ctx: Context, { token, password }: PasswordForm, error: AppError): Promise<void> {
    const { retryAfter: seconds, issues = [] } = error.details;
    if (error.status === 503) return ask(ctx, token, { error: { code: 'busy', seconds } }, { status: 503, seconds });
    const reasons = issues.filter(({ pointer }) => pointer === '/password').map(({ message }) => message);
    if (reasons.length === 0) throw error;
    return ask(ctx, token, { reasons: password ? reasons : ['missing'] });
  }

  async function ask(
    ctx: Context,
    token: string,
    answer: Answer,
    {
      status = answer.error || answer.reasons ? 422 : 200,
      seconds,
    }: { status?: number; seconds?: number | undefined } = {},
  ): Promise<void> {
    const user = await passwordLinks.peek(token);
    if (!user) return expired(pages, ctx);
    const data = {
      token,
      username: user.email,
      minLength: await passwords.minLength(user),
      ...answer,
      actions: { submit: `${ctx.state.prefix}/password`, strength: `${ctx.state.prefix}/password/strength` },
    };
    await pages.send(ctx, 'password/set', data, { status, csrf: csrf.token(token), retryAfter: seconds });
  }

  return router;
}
