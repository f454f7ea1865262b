// The page behind a mailed link: its holder chooses a password, once.
// Hands off to: PasswordLinks, which knows whose link it is and ends what rested on the old password.
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { limits as defaults } from '../../config/protocol.js';
import type { PasswordLinks } from '../features/credentials/password-links.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { AppError } from '../platform/errors.js';
import { readForm, seeOther } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import { clientKey, type RateLimits } from '../platform/rate-limit.js';
import { type PasswordRules, strengthMeter } from '../platform/strength-meter.js';

export interface PasswordDependencies {
  passwordLinks: Pick<PasswordLinks, 'peek' | 'redeem'>;
  passwords: PasswordRules;
  csrf: Csrf;
  pages: Pages;
  rateLimits: RateLimits;
  limits?: { linkFailures: { points: number; seconds: number } };
}

/** What is absent, repeated or nested is empty, and an empty value is good for nothing. */
const text = z.string().catch('');
const PasswordLink = z.object({ token: text });
const PasswordForm = z.object({ token: text, password: text, csrf: text });
type PasswordForm = z.infer<typeof PasswordForm>;

interface Answer {
  error?: { code: string; seconds?: number | undefined };
  reasons?: string[];
}

export function createPasswordRouter({
  passwordLinks,
  passwords,
  csrf,
  pages,
  rateLimits,
  limits = defaults,
}: PasswordDependencies): Router {
  const router = new Router({ sensitive: true, strict: true });
  const answerStrength = strengthMeter(passwords, rateLimits, defaults.strength);
  const failures = rateLimits.limiter({ name: 'password_link', ...limits.linkFailures });

  router.use(async (ctx, next) => {
    ctx.state.route = '/password';
    await next();
  });

  // Opening the link uses nothing up: mail scanners open links too.
  router.get('/password', async (ctx) => {
    const { token } = PasswordLink.parse(ctx.query);
    await ask(ctx, token, {});
  });

  router.post('/password', readForm, async (ctx) => {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const form = PasswordForm.parse(ctx.request.body ?? {});
    const address = clientKey(ctx.state.ip);
    // Counted before it is looked at and given back afterwards: parallel tries get no more than their share.
    await failures.consume(address);
    csrf.assert(form.token, form.csrf);
    try {
      await passwordLinks.redeem(form.token, form.password);
      seeOther(ctx, `${ctx.state.prefix}/password/done`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.status === 400) return sendExpired(ctx);
      await refuse(ctx, form, error);
    }
    // A credit that could not be given is no reason to take the answer away.
    await failures.reward(address).catch(() => undefined);
  });

  router.post('/password/strength', readForm, async (ctx) => {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const form = PasswordForm.parse(ctx.request.body ?? {});
    csrf.assert(form.token, form.csrf);
    const user = await passwordLinks.peek(form.token);
    if (!user) return sendExpired(ctx);
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
    if (!user) return sendExpired(ctx);
    const data = {
      token,
      username: user.email,
      minLength: await passwords.minLength(),
      ...answer,
      actions: { submit: `${ctx.state.prefix}/password`, strength: `${ctx.state.prefix}/password/strength` },
    };
    await pages.send(ctx, 'password/set', data, { status, csrf: csrf.token(token), retryAfter: seconds });
  }

  const sendExpired = (ctx: Context) => pages.send(ctx, 'errors/error', { code: 'link_expired' }, { status: 400 });

  return router;
}
