// The page behind the link for whoever has lost their second factors: before its time it says when that is, then one button does it.
// Hands off to: FactorRecoveries, which knows the time and what goes.
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { FactorRecoveries } from '../features/accounts/factor-recovery.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { AppError } from '../platform/errors.js';
import { readForm, seeOther } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import { clientKey, type RateLimits } from '../platform/rate-limit.js';

interface FactorRecoveryDependencies {
  factorRecoveries: Pick<FactorRecoveries, 'peek' | 'redeem'>;
  csrf: Csrf;
  pages: Pages;
  rateLimits: RateLimits;
  limits: { linkFailures: { points: number; seconds: number } };
}

const text = z.string().catch('');
const Link = z.object({ token: text });
const Form = z.object({ token: text, csrf: text });

export function createFactorRecoveryRouter(deps: FactorRecoveryDependencies): Router {
  const { factorRecoveries, csrf, pages, rateLimits, limits } = deps;
  const router = new Router({ sensitive: true, strict: true });
  const failures = rateLimits.limiter({ name: 'factor_recovery_link', ...limits.linkFailures });

  router.use(async (ctx, next) => {
    ctx.state.route = '/factor-recovery';
    await next();
  });

  // Opening the link uses nothing up: mail scanners open links too.
  router.get('/factor-recovery', (ctx) => ask(ctx, Link.parse(ctx.query).token));

  router.post('/factor-recovery', readForm, async (ctx) => {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const form = Form.parse(ctx.request.body ?? {});
    const address = clientKey(ctx.state.ip);
    await failures.consume(address);
    csrf.assert(form.token, form.csrf);
    try {
      await factorRecoveries.redeem(form.token);
    } catch (error) {
      // Too early, or too late: the page says which.
      if (!(error instanceof AppError) || (error.status !== 400 && error.status !== 409)) throw error;
      return ask(ctx, form.token, 409);
    }
    // A credit that could not be given is no reason to take the answer away.
    await failures.reward(address).catch(() => undefined);
    seeOther(ctx, `${ctx.state.prefix}/factor-recovery/done`);
  });

  router.get('/factor-recovery/done', (ctx) => pages.send(ctx, 'factor-recovery/done', {}));

  async function ask(ctx: Context, token: string, tooEarly = 200): Promise<void> {
    const found = await factorRecoveries.peek(token);
    if (!found) return pages.send(ctx, 'errors/error', { code: 'link_expired' }, { status: 400 });
    const { user, readyAt, isReady } = found;
    if (!isReady) return pages.send(ctx, 'factor-recovery/wait', { at: readyAt.toISOString() }, { status: tooEarly });
    const data = { token, username: user.email, actions: { submit: `${ctx.state.prefix}/factor-recovery` } };
    await pages.send(ctx, 'factor-recovery/confirm', data, { csrf: csrf.token(token) });
  }

  return router;
}
