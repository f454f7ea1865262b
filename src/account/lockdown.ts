// The page behind "This was not me": it says what will happen, and one button does it.
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { Lockdown } from '../features/risk/lockdown.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { AppError } from '../platform/errors.js';
import { readForm, seeOther } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import { clientKey, type RateLimits } from '../platform/rate-limit.js';

interface LockdownDependencies {
  lockdown: Pick<Lockdown, 'peek' | 'redeem'>;
  csrf: Csrf;
  pages: Pages;
  rateLimits: RateLimits;
  limits: { linkFailures: { points: number; seconds: number } };
}

const text = z.string().catch('');
const Link = z.object({ token: text });
const Form = z.object({ token: text, csrf: text });

export function createLockdownRouter({ lockdown, csrf, pages, rateLimits, limits }: LockdownDependencies): Router {
  const router = new Router({ sensitive: true, strict: true });
  const failures = rateLimits.limiter({ name: 'lockdown_link', ...limits.linkFailures });
  const expired = (ctx: Context) => pages.send(ctx, 'errors/error', { code: 'link_expired' }, { status: 400 });

  router.use(async (ctx, next) => {
    ctx.state.route = '/lockdown';
    await next();
  });

  router.get('/lockdown', async (ctx) => {
    const { token } = Link.parse(ctx.query);
    const user = await lockdown.peek(token);
    if (!user) return expired(ctx);
    const actions = { submit: `${ctx.state.prefix}/lockdown` };
    await pages.send(ctx, 'lockdown/confirm', { token, username: user.email, actions }, { csrf: csrf.token(token) });
  });

  router.post('/lockdown', readForm, async (ctx) => {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const form = Form.parse(ctx.request.body ?? {});
    const address = clientKey(ctx.state.ip);
    await failures.consume(address);
    csrf.assert(form.token, form.csrf);
    try {
      await lockdown.redeem(form.token);
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 400) throw error;
      return expired(ctx);
    }
    // A credit that could not be given is no reason to take the answer away.
    await failures.reward(address).catch(() => undefined);
    seeOther(ctx, `${ctx.state.prefix}/lockdown/done`);
  });

  router.get('/lockdown/done', (ctx) => pages.send(ctx, 'lockdown/done', {}));
  return router;
}
