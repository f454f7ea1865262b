// The page behind the link of the first start: it makes the first administrator and shows the first client of the management API.
// Hands off to: SetupService, which decides whether the link is good and makes everything at once.
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { limits as defaults } from '../../config/protocol.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { SetupService } from '../features/setup/setup.service.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { AppError } from '../platform/errors.js';
import { readForm, textField } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import { clientKey, type RateLimits } from '../platform/rate-limit.js';
import { strengthMeter } from '../platform/strength-meter.js';

export interface SetupDependencies {
  setup: Pick<SetupService, 'accepts' | 'complete'>;
  passwords: Pick<PasswordService, 'minLength' | 'strength'>;
  csrf: Csrf;
  pages: Pages;
  rateLimits: RateLimits;
  limits?: { linkFailures: { points: number; seconds: number } };
}

const SetupLink = z.object({ token: textField });
const SetupForm = z.object({ token: textField, username: textField, password: textField, csrf: textField });
type SetupForm = z.infer<typeof SetupForm>;

interface Answer {
  error?: { code: string; seconds?: number | undefined };
  reasons?: string[];
}

export function createSetupRouter({
  setup,
  passwords,
  csrf,
  pages,
  rateLimits,
  limits = defaults,
}: SetupDependencies): Router {
  const router = new Router({ sensitive: true, strict: true });
  const answerStrength = strengthMeter(passwords, rateLimits, defaults.strength);
  const failures = rateLimits.limiter({ name: 'setup_link', ...limits.linkFailures });

  router.use(async (ctx, next) => {
    ctx.state.route = '/setup';
    await next();
  });

  // Opening the link uses nothing up: mail scanners and previews open links too.
  router.get('/setup', async (ctx) => {
    const { token } = SetupLink.parse(ctx.query);
    if (!(await setup.accepts(token))) return sendExpired(ctx);
    await ask(ctx, { token, username: '' }, {});
  });

  router.post('/setup', readForm, async (ctx) => {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const form = SetupForm.parse(ctx.request.body ?? {});
    const address = clientKey(ctx.state.ip);
    // Counted before it is looked at and given back afterwards: parallel tries get no more than their share.
    await failures.consume(address);
    csrf.assert(form.token, form.csrf);
    try {
      const { clientId, clientSecret } = await setup.complete(form.token, {
        email: form.username,
        password: form.password,
      });
      // The secret is here and nowhere else, hence no redirect (RFC 9110 §15.4.4).
      const values = { issuer: ctx.state.issuer, client_id: clientId, client_secret: clientSecret };
      await pages.send(ctx, 'setup/done', values);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.status === 400) return sendExpired(ctx);
      await refuse(ctx, form, error);
    }
    // A credit that could not be given is no reason to take the page away.
    await failures.reward(address).catch(() => undefined);
  });

  router.post('/setup/strength', readForm, async (ctx) => {
    assertSameOrigin(ctx.headers, ctx.state.origin);
    const form = SetupForm.parse(ctx.request.body ?? {});
    csrf.assert(form.token, form.csrf);
    await answerStrength(ctx, form.password, { email: form.username });
  });

  function refuse(ctx: Context, form: SetupForm, error: AppError): Promise<void> {
    const { retryAfter: seconds, issues = [] } = error.details;
    if (error.status === 503) return ask(ctx, form, { error: { code: 'busy', seconds } }, { status: 503, seconds });
    if (!form.username) return ask(ctx, form, { error: { code: 'missing_username' } });
    if (error.code === 'email_taken') return ask(ctx, form, { error: { code: 'taken_username' } });
    if (issues.some(({ pointer }) => pointer === '/email'))
      return ask(ctx, form, { error: { code: 'invalid_username' } });
    const reasons = issues.filter(({ pointer }) => pointer === '/password').map(({ message }) => message);
    if (reasons.length === 0) throw error;
    return ask(ctx, form, { reasons: form.password ? reasons : ['missing'] });
  }

  async function ask(
    ctx: Context,
    { token, username }: Pick<SetupForm, 'token' | 'username'>,
    answer: Answer,
    {
      status = answer.error || answer.reasons ? 422 : 200,
      seconds,
    }: { status?: number; seconds?: number | undefined } = {},
  ): Promise<void> {
    const data = {
      token,
      username,
      minLength: await passwords.minLength(),
      ...answer,
      actions: { submit: `${ctx.state.prefix}/setup`, strength: `${ctx.state.prefix}/setup/strength` },
    };
    return pages.send(ctx, 'setup/setup', data, { status, csrf: csrf.token(token), retryAfter: seconds });
  }

  const sendExpired = (ctx: Context) => pages.send(ctx, 'errors/error', { code: 'link_expired' }, { status: 400 });

  return router;
}
