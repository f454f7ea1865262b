// The page behind a sign-in link. In the browser that asked for it the sign-in goes on; any other one is shown a code to type there, and signs
// nobody in. Opening the link uses nothing up: mail scanners open links too.
// Hands off to: MagicLinks; the interaction it was asked for in, at its own address, which alone its cookie reaches.
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { MagicLinks } from '../features/accounts/magic-links.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { AppError } from '../platform/errors.js';
import { readForm, seeOther } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import { clientKey, type RateLimits } from '../platform/rate-limit.js';

interface SignInLinkDependencies {
  magicLinks: Pick<MagicLinks, 'peek' | 'open'>;
  csrf: Csrf;
  pages: Pages;
  rateLimits: RateLimits;
  limits: { linkFailures: { points: number; seconds: number } };
}

const text = z.string().catch('');
const Link = z.object({ token: text, elsewhere: text });
const Form = z.object({ token: text, csrf: text });

export function createSignInLinkRouter({
  magicLinks,
  csrf,
  pages,
  rateLimits,
  limits,
}: SignInLinkDependencies): Router {
  const router = new Router({ sensitive: true, strict: true });
  const failures = rateLimits.limiter({ name: 'sign_in_link', ...limits.linkFailures });
  const expired = (ctx: Context) => pages.send(ctx, 'errors/error', { code: 'link_expired' }, { status: 400 });

  router.use(async (ctx, next) => {
    ctx.state.route = '/sign-in-link';
    await next();
  });

  router.get('/sign-in-link', async (ctx) => {
    const { token, elsewhere } = Link.parse(ctx.query);
    const found = await magicLinks.peek(token, undefined);
    if (!found) return expired(ctx);
    const { prefix } = ctx.state;
    if (!elsewhere)
      return seeOther(ctx, `${prefix}/interaction/${found.flow}/sign-in-link?${new URLSearchParams({ token })}`);
    const data = { token, username: found.user.email, actions: { submit: `${prefix}/sign-in-link` } };
    await pages.send(ctx, 'sign-in-link/elsewhere', data, { csrf: csrf.token(token) });
  });

  // The code is in this answer and nowhere else: an address would keep it.
  router.post('/sign-in-link', readForm, async (ctx) => {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const form = Form.parse(ctx.request.body ?? {});
    const address = clientKey(ctx.state.ip);
    await failures.consume(address);
    csrf.assert(form.token, form.csrf);
    try {
      const opened = await magicLinks.open(form.token, undefined);
      if (opened.outcome === 'elsewhere') await pages.send(ctx, 'sign-in-link/code', { code: opened.code });
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 400) throw error;
      return expired(ctx);
    }
    // A credit that could not be given is no reason to take the answer away.
    await failures.reward(address).catch(() => undefined);
  });

  return router;
}
