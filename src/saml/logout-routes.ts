// Single logout as browsers bring it: messages at /slo by either binding, our own request on its way, and the end of it.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { AnswerLimit } from '../features/connections/answer-limit.js';
import { formReader, seeOther, textField } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import type { Sent as Received } from './gate-message.js';
import type { LoggedOut, SamlLogouts } from './logout.js';
import { type LogoutTickets, TICKET_SECONDS } from './logout-tickets.js';
import type { Sent } from './sending.js';

export interface LogoutDoor {
  logouts: Pick<SamlLogouts, 'requested' | 'answered' | 'begin'>;
  tickets: Pick<LogoutTickets, 'keep' | 'kept'>;
  pages: Pages;
  counted(ctx: Context): Promise<AnswerLimit>;
  deliver(ctx: Context, sent: Sent): Promise<void>;
  refuse(ctx: Context, trace: string): Promise<void>;
}

const Message = z.object({ SAMLRequest: textField, SAMLResponse: textField, RelayState: textField });
const Link = z.object({ ticket: textField });

/** A LogoutRequest names one person: much smaller than an assertion. */
const readMessage = formReader('64kb');

export function logoutRoutes(router: Router, door: LogoutDoor): void {
  const { logouts, tickets, pages } = door;

  router.get('/slo', (ctx) => receive(ctx, ctx.query, { binding: 'redirect', query: ctx.querystring }));
  router.post('/slo', readMessage, (ctx) => receive(ctx, ctx.request.body ?? {}));

  async function receive(ctx: Context, given: unknown, redirected?: Received): Promise<void> {
    const limit = await door.counted(ctx);
    const { SAMLRequest, SAMLResponse, RelayState } = Message.parse(given);
    const isRequest = SAMLRequest !== '';
    const received = redirected ?? { binding: 'post', message: isRequest ? SAMLRequest : SAMLResponse };
    const work = isRequest ? logouts.requested.bind(logouts) : logouts.answered.bind(logouts);
    const became = await work(connectionOf(ctx), received, RelayState || undefined);
    await answer(ctx, became, isRequest);
    if (became.kind !== 'refused') await limit.forgive();
  }

  async function answer(ctx: Context, became: LoggedOut, isRequest: boolean): Promise<void> {
    if (became.kind === 'refused') return door.refuse(ctx, became.trace);
    if (became.kind === 'sent') await door.deliver(ctx, became.sent);
    else if (isRequest) await pages.send(ctx, 'logout/done', {});
    else seeOther(ctx, `${ctx.state.issuer}/saml/${connectionOf(ctx)}/signed-out`);
  }

  router.get('/logout', async (ctx) => {
    const { sent, back } = await logouts.begin(connectionOf(ctx), Link.parse(ctx.query).ticket);
    setBack(ctx, tickets.keep(back));
    if (sent.kind === 'post') return door.deliver(ctx, sent);
    // Not a redirect: the form of the sign-out leads here, and browsers hold its form-action against each hop (CSP 3 §6.4.2.1).
    ctx.set('Refresh', `0; url=${sent.address}`);
    await pages.send(ctx, 'saml/logout', { address: sent.address });
  });

  // A message that came by POST brought no cookie along; this does.
  router.get('/signed-out', async (ctx) => {
    const back = tickets.kept(ctx.cookies.get(backName(ctx)) ?? '');
    setBack(ctx, undefined);
    if (back === undefined) await pages.send(ctx, 'logout/done', {});
    else seeOther(ctx, back);
  });
}

const connectionOf = (ctx: Context): string => String(ctx.params.connection_id);

const isSecure = ({ state }: Context): boolean => String(state.origin).startsWith('https:');
const backName = (ctx: Context): string => `${isSecure(ctx) ? '__Host-' : ''}ostiary_sign_out_${ctx.state.tenant.id}`;

/** Sealed, so that it leads nowhere but where the sign-out was asked to. */
function setBack(ctx: Context, sealed: string | undefined): void {
  const age = sealed === undefined ? 0 : TICKET_SECONDS;
  const attributes = `path=/; max-age=${age}; samesite=lax; httponly${isSecure(ctx) ? '; secure' : ''}`;
  ctx.append('Set-Cookie', `${backName(ctx)}=${sealed ?? ''}; ${attributes}`);
}
