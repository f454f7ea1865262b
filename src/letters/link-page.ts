// The frame of every page behind a link in a letter: opening it uses nothing up (mail scanners open links too), one button does what it says, once.
// Nobody need be signed in; the link says who it is. Hands off to: the feature that knows what the link is good for.
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { assertSameOrigin, type Csrf } from '../platform/csrf.js';
import { AppError } from '../platform/errors.js';
import { readForm, seeOther, textField } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import { clientKey, type Limiter } from '../platform/rate-limit.js';

export interface LinkSurroundings {
  csrf: Csrf;
  pages: Pages;
  /** Submitted links that were not good, by address: one count for all of them. */
  failures: Limiter;
}

export interface LinkPage {
  path: string;
  /** What the page says, or where the link goes on; undefined where it is not good. */
  show(token: string, ctx: Context): Promise<Shown | { address: string } | undefined>;
  /** @returns where to go on, or the page that is the answer. @throws AppError 400 where the link is not good, 409 where it cannot be done now. */
  redeem(token: string, ctx: Context): Promise<Shown | { address: string }>;
}

interface Shown {
  view: string;
  data: object;
}

export const LinkForm = z.object({ token: textField, csrf: textField });
const Link = z.object({ token: textField });

/** @returns the token that the address carries. */
export const tokenOf = (ctx: Context): string => Link.parse(ctx.query).token;

export function createLinkPage(surroundings: LinkSurroundings, { path, show, redeem }: LinkPage): Router {
  const { csrf, pages } = surroundings;
  const router = routerOf(path);

  async function ask(ctx: Context, token: string, error?: { code: string }): Promise<void> {
    const shown = await show(token, ctx);
    if (!shown) return expired(pages, ctx);
    if ('address' in shown) return seeOther(ctx, shown.address);
    const data = { ...shown.data, token, error, actions: { submit: `${ctx.state.prefix}${path}` } };
    await pages.send(ctx, shown.view, data, { csrf: csrf.token(token), status: error ? 409 : 200 });
  }

  router.get(path, (ctx) => ask(ctx, tokenOf(ctx)));

  router.post(path, readForm, async (ctx) => {
    const { token } = await admit(ctx, LinkForm, surroundings);
    try {
      const next = await redeem(token, ctx);
      if ('address' in next) seeOther(ctx, next.address);
      else await pages.send(ctx, next.view, next.data);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.status === 400) return expired(pages, ctx);
      if (error.status === 409) return ask(ctx, token, { code: error.code });
      throw error;
    }
    await giveBack(ctx, surroundings);
  });

  return router;
}

/** A router of its own for each page, measured under its path. */
export function routerOf(path: string): Router {
  const router = new Router({ sensitive: true, strict: true });
  router.use(async (ctx, next) => {
    ctx.state.route = path;
    await next();
  });
  return router;
}

/**
 * A submitted form that carries a link. Counted before it is looked at, and given back where it was good: parallel tries get no more than their share.
 * @throws AppError 403 where it is not of our own page, 429
 */
export async function admit<F extends { token: string; csrf: string }>(
  ctx: Context,
  schema: z.ZodType<F>,
  { csrf, failures }: Pick<LinkSurroundings, 'csrf' | 'failures'>,
): Promise<F> {
  assertSameOrigin(ctx.headers, ctx.state.origin);
  const form = schema.parse(ctx.request.body ?? {});
  await failures.consume(clientKey(ctx.state.ip));
  csrf.assert(form.token, form.csrf);
  return form;
}

/** A credit that could not be given is no reason to take the answer away. */
export async function giveBack(ctx: Context, { failures }: Pick<LinkSurroundings, 'failures'>): Promise<void> {
  await failures.reward(clientKey(ctx.state.ip)).catch(() => undefined);
}

export const expired = (pages: Pages, ctx: Context): Promise<void> =>
  pages.send(ctx, 'errors/error', { code: 'link_expired' }, { status: 400 });
