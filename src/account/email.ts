// Another address for the account: asked for here, confirmed here by the link in the letter, in the session that asked.
// Hands off to: EmailChange; /email-undo, where the old mailbox takes it back.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { EmailChange } from '../features/accounts/email-change.js';
import { AppError } from '../platform/errors.js';
import { seeOther, textField } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import type { AccountDoor, Visitor } from './door.js';

export interface EmailDependencies {
  emailChange: Pick<EmailChange, 'request' | 'peek' | 'confirm'>;
  pages: Pages;
}

const Form = z.object({ email: textField, token: textField });

export function emailRoutes(router: Router, door: AccountDoor, { emailChange, pages }: EmailDependencies): void {
  const confirmPath = (token: string) => `/account/email/confirm?${new URLSearchParams({ token })}`;
  const expired = (ctx: Context) => pages.send(ctx, 'errors/error', { code: 'link_expired' }, { status: 400 });

  router.get('/email', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) await ask(ctx, visitor, '');
  });

  router.post('/email', async (ctx) => {
    const visitor = await door.mayChange(ctx);
    if (!visitor) return;
    const { email } = Form.parse(ctx.request.body ?? {});
    try {
      await emailChange.request(visitor.user, email, visitor.session.uid);
    } catch (error) {
      if (!(error instanceof AppError) || (error.status !== 422 && error.status !== 429)) throw error;
      const code = error.status === 429 ? 'too_many_requests' : 'unusable_email';
      return ask(ctx, visitor, email, { code, seconds: error.details.retryAfter }, error.status);
    }
    seeOther(ctx, `${ctx.state.prefix}/account/email?done=email_sent`);
  });

  // Opening the link uses nothing up: mail scanners open links too.
  router.get('/email/confirm', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    const { token } = Form.parse(ctx.query);
    const found = await emailChange.peek(token, visitor.user, visitor.session.uid);
    if (!found) return expired(ctx);
    const { email } = found;
    if (!email) return pages.send(ctx, 'errors/error', { code: 'other_browser' }, { status: 400 });
    const actions = { submit: `${ctx.state.prefix}/account/email/confirm` };
    await door.show(ctx, visitor, 'profile/email-confirm', { token, email, actions });
  });

  router.post('/email/confirm', async (ctx) => {
    const { token } = Form.parse(ctx.request.body ?? {});
    const visitor = await door.mayChange(ctx, { back: confirmPath(token) });
    if (!visitor) return;
    try {
      await emailChange.confirm(token, visitor.user, visitor.session.uid);
    } catch (error) {
      if (!(error instanceof AppError) || (error.status !== 400 && error.status !== 409)) throw error;
      return error.status === 400 ? expired(ctx) : ask(ctx, visitor, '', { code: 'unusable_email' }, 422);
    }
    seeOther(ctx, `${ctx.state.prefix}/account/email?done=email_changed`);
  });

  function ask(
    ctx: Context,
    visitor: Visitor,
    email: string,
    error?: { code: string; seconds?: number | undefined },
    status = error ? 422 : 200,
  ): Promise<void> {
    const retryAfter = status === 429 ? error?.seconds : undefined;
    const actions = { submit: `${ctx.state.prefix}/account/email` };
    return door.show(ctx, visitor, 'profile/email', { email, error, actions }, { status, retryAfter });
  }
}
