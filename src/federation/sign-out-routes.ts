// The way of a browser that signs out over a provider: a page of ours that leads there, and the address to which it comes back.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { seeOther, textField } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import { TICKET_SECONDS, type UpstreamSignOuts } from './sign-outs.js';

const Link = z.object({ ticket: textField });

/** @param path of a connection. */
export function signOutRoutes(
  router: Router,
  path: string,
  { signOuts, pages }: { signOuts: Pick<UpstreamSignOuts, 'begin' | 'keep' | 'kept'>; pages: Pages },
): void {
  router.get(`${path}/logout`, async (ctx) => {
    const id = connectionOf(ctx);
    const { address, back } = await signOuts.begin(ctx.state.issuer, id, Link.parse(ctx.query).ticket);
    setBack(ctx, signOuts.keep(id, back));
    // Not a redirect: the form of the sign-out leads here, and browsers hold its form-action against each hop (CSP 3 §6.4.2.1).
    ctx.set('Refresh', `0; url=${address}`);
    await pages.send(ctx, 'saml/logout', { address });
  });

  router.get(`${path}/signed-out`, async (ctx) => {
    const back = signOuts.kept(connectionOf(ctx), ctx.cookies.get(nameOf(ctx)) ?? '');
    setBack(ctx, undefined);
    if (back === undefined) await pages.send(ctx, 'logout/done', {});
    else seeOther(ctx, back);
  });
}

const connectionOf = (ctx: Context): string => String(ctx.params.connection_id);
const isSecure = ({ state }: Context): boolean => String(state.origin).startsWith('https:');
const nameOf = (ctx: Context): string => `${isSecure(ctx) ? '__Host-' : ''}ostiary_signed_out_${ctx.state.tenant.id}`;

function setBack(ctx: Context, sealed: string | undefined): void {
  const age = sealed === undefined ? 0 : TICKET_SECONDS;
  const attributes = `path=/; max-age=${age}; samesite=lax; httponly${isSecure(ctx) ? '; secure' : ''}`;
  ctx.append('Set-Cookie', `${nameOf(ctx)}=${sealed ?? ''}; ${attributes}`);
}
