// The page on which somebody who is signed in chooses another password, or their first one.
// Hands off to: OwnPassword, which counts wrong ones and ends what rested on the old one.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { limits } from '../../config/protocol.js';
import type { OwnPassword, PasswordChange } from '../features/accounts/own-password.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { Clock } from '../platform/clock.js';
import { AppError } from '../platform/errors.js';
import { seeOther, textField } from '../platform/form.js';
import type { RateLimits } from '../platform/rate-limit.js';
import { strengthMeter } from '../platform/strength-meter.js';
import { type AccountDoor, ANY_TIME, type Visitor } from './door.js';

export interface OwnPasswordDependencies {
  ownPassword: OwnPassword;
  passwords: PasswordService;
  rateLimits: RateLimits;
  clock: Clock;
}

const PasswordForm = z.object({ current_password: textField, password: textField, sign_out_here: textField });
type PasswordForm = z.infer<typeof PasswordForm>;

interface Answer {
  error?: { code: string; seconds?: number | undefined };
  reasons?: string[];
}

export function ownPasswordRoutes(router: Router, door: AccountDoor, deps: OwnPasswordDependencies): void {
  const { ownPassword, passwords, clock } = deps;
  const answerStrength = strengthMeter(passwords, deps.rateLimits, limits.strength);

  router.get('/security/password', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor && (await door.proved(ctx, visitor))) await ask(ctx, visitor, {});
  });

  router.post('/security/password', async (ctx) => {
    const visitor = await door.mayChange(ctx);
    if (!visitor) return;
    const form = PasswordForm.parse(ctx.request.body ?? {});
    const here = form.sign_out_here === 'yes';
    try {
      const problem = await change(visitor, form, here ? undefined : visitor.session.uid);
      if (problem) return await ask(ctx, visitor, problem);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return await refuse(ctx, visitor, error);
    }
    // Signed out here as well, the next page is the sign-in.
    seeOther(ctx, `${ctx.state.prefix}/account/security${here ? '' : '?done=password_changed'}`);
  });

  router.post('/security/password/strength', async (ctx) => {
    const visitor = await door.mayChange(ctx, { fresh: ANY_TIME, back: '/account/security/password' });
    if (visitor) await answerStrength(ctx, PasswordForm.parse(ctx.request.body ?? {}).password, visitor.user);
  });

  async function change(
    { user, stands }: Visitor,
    form: PasswordForm,
    keptSession?: string,
  ): Promise<Answer | undefined> {
    const { current_password: current, password } = form;
    if (!(await passwords.has(user))) {
      if (!password) return { reasons: ['missing'] };
      await ownPassword.setFirst(user, password, keptSession, stands);
      return undefined;
    }
    if (!current) return { error: { code: 'missing_current' } };
    // Before it costs a try at the current one.
    await passwords.check(password, user);
    return problemOf(await ownPassword.change(user, { current, password, keptSession }));
  }

  function problemOf(result: PasswordChange): Answer | undefined {
    if (result.outcome === 'done') return undefined;
    if (result.outcome === 'same') return { reasons: ['same'] };
    if (result.outcome === 'failed') return { error: { code: 'wrong_current' } };
    const seconds = Math.max(1, (result.until.getTime() - clock.now().getTime()) / 1000);
    return { error: { code: 'locked_current', seconds } };
  }

  function refuse(ctx: Context, visitor: Visitor, error: AppError): Promise<void> {
    const { retryAfter: seconds, issues = [] } = error.details;
    if (error.status === 503) return ask(ctx, visitor, { error: { code: 'busy', seconds } }, 503);
    const reasons = issues.filter(({ pointer }) => pointer === '/password').map(({ message }) => message);
    if (reasons.length === 0) throw error;
    return ask(ctx, visitor, { reasons });
  }

  async function ask(
    ctx: Context,
    visitor: Visitor,
    answer: Answer,
    status = answer.error || answer.reasons ? 422 : 200,
  ): Promise<void> {
    const at = `${ctx.state.prefix}/account/security/password`;
    const data = {
      ...answer,
      username: visitor.user.email,
      first: !(await passwords.has(visitor.user)),
      minLength: await passwords.minLength(visitor.user),
      actions: { submit: at, strength: `${at}/strength` },
    };
    const retryAfter = status === 503 ? answer.error?.seconds : undefined;
    await door.show(ctx, visitor, 'security/password', data, { status, retryAfter });
  }
}
