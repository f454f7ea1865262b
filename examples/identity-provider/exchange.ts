// What came, and what goes back: forms and addresses, as plain requests.
import type { Context } from 'koa';
import { posting } from './page.js';
import type { Received, Sent } from './saml.js';

export async function received(ctx: Context): Promise<Received> {
  if (ctx.method === 'GET')
    return {
      binding: 'redirect',
      query: ctx.querystring,
      fields: Object.fromEntries(new URLSearchParams(ctx.querystring)),
    };
  return { binding: 'post', query: '', fields: await form(ctx) };
}

export async function form(ctx: Context): Promise<Record<string, string>> {
  let body = '';
  for await (const chunk of ctx.req) {
    body += chunk;
    if (body.length > 200_000) throw new Error('That is too long');
  }
  return Object.fromEntries(new URLSearchParams(body));
}

export function send(ctx: Context, sent: Sent): void {
  if ('location' in sent) redirect(ctx, sent.location);
  else ctx.body = posting(sent.action, sent.fields);
}

export function redirect(ctx: Context, location: string): void {
  ctx.redirect(location);
  ctx.status = 303;
}
