// Pages behind a link in a letter that takes something back: they say what will happen, and one button does it. Nobody need be signed in.
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { AccountDeletion } from '../features/accounts/account-deletion.js';
import type { EmailChange } from '../features/accounts/email-change.js';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { AppError } from '../platform/errors.js';
import { readForm, seeOther } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import { clientKey, type RateLimits } from '../platform/rate-limit.js';

export interface LinkDependencies {
  emailChange: Pick<EmailChange, 'peekUndo' | 'undo'>;
  accountDeletion: Pick<AccountDeletion, 'peek' | 'restore'>;
  csrf: Csrf;
  pages: Pages;
  rateLimits: RateLimits;
  limits: { linkFailures: { points: number; seconds: number } };
}

interface LinkPage {
  path: string;
  view: string;
  /** What the page says; undefined where the link is not good. */
  peek(token: string): Promise<object | undefined>;
  /** @returns where to go on. @throws AppError 400 where the link is not good, 409 where it cannot be done. */
  redeem(token: string, ctx: Context): Promise<string>;
}

const text = z.string().catch('');
const Link = z.object({ token: text });
const Form = z.object({ token: text, csrf: text });

export function createLinkRouter({ emailChange, accountDeletion, csrf, pages, rateLimits, limits }: LinkDependencies) {
  const router = new Router({ sensitive: true, strict: true });
  const failures = rateLimits.limiter({ name: 'account_link', ...limits.linkFailures });
  const expired = (ctx: Context) => pages.send(ctx, 'errors/error', { code: 'link_expired' }, { status: 400 });

  for (const page of [
    {
      path: '/email-undo',
      view: 'email-undo/confirm',
      async peek(token) {
        const found = await emailChange.peekUndo(token);
        return found && { email: found.email };
      },
      // The link proved the mailbox; what follows is the choice of a password.
      redeem: (token) => emailChange.undo(token),
    },
    {
      path: '/account-restore',
      view: 'restore/confirm',
      async peek(token) {
        const user = await accountDeletion.peek(token);
        return user && { email: user.email };
      },
      async redeem(token, ctx) {
        await accountDeletion.restore(token);
        return `${ctx.state.prefix}/account-restore/done`;
      },
    },
  ] satisfies LinkPage[] as LinkPage[])
    add(page);

  router.get('/account-restore/done', async (ctx) => {
    ctx.state.route = '/account-restore';
    const { prefix } = ctx.state;
    const actions = { signIn: `${prefix}/account`, forgotten: `${prefix}/forgotten-password` };
    await pages.send(ctx, 'restore/done', { actions });
  });

  function add({ path, view, peek, redeem }: LinkPage): void {
    async function ask(ctx: Context, token: string, error?: { code: string }): Promise<void> {
      const found = await peek(token);
      if (!found) return expired(ctx);
      const data = { ...found, token, error, actions: { submit: `${ctx.state.prefix}${path}` } };
      await pages.send(ctx, view, data, { csrf: csrf.token(token), status: error ? 409 : 200 });
    }

    // Looking uses nothing up: mail scanners open links too.
    router.get(path, (ctx) => {
      ctx.state.route = path;
      return ask(ctx, Link.parse(ctx.query).token);
    });

    router.post(path, readForm, async (ctx) => {
      ctx.state.route = path;
      assertSameOrigin(ctx.headers, ctx.state.origin);
      const form = Form.parse(ctx.request.body ?? {});
      const address = clientKey(ctx.state.ip);
      await failures.consume(address);
      csrf.assert(form.token, form.csrf);
      try {
        seeOther(ctx, await redeem(form.token, ctx));
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (error.status === 400) return expired(ctx);
        if (error.status === 409) return ask(ctx, form.token, { code: error.code });
        throw error;
      }
      // A credit that could not be given is no reason to take the answer away.
      await failures.reward(address).catch(() => undefined);
    });
  }

  return router;
}
