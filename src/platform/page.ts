// How every page leaves: rendered, with its own form-action, never stored, never framed.
import type { Context } from 'koa';
import { contentSecurityPolicy, type Page, type Views } from './views.js';

export interface PageOptions {
  status?: number;
  /** Where the forms of this page may lead beside this origin, across every redirect (CSP form-action is enforced on each hop). */
  formAction?: readonly string[];
  csrf?: string;
  /** Origin of a widget that is not ours, for this page alone. */
  widget?: string | undefined;
  /** OpenID Connect Core §3.1.2.1 ui_locales. */
  uiLocales?: string | undefined;
  /** OpenID Connect Core §5.1 zoneinfo, of whoever reads it. */
  timeZone?: string | undefined;
  /** For which organization somebody signs in, by slug or id as the request says it: the page wears what it does. */
  organization?: string | undefined;
  /** Seconds, becomes Retry-After (RFC 9110 §10.2.3: whole ones). */
  retryAfter?: number | undefined;
}

export class Pages {
  /** @param brand what the pages of the current request are dressed in, where they are for an organization with what is its own. */
  constructor(
    private readonly views: Views,
    private readonly brand: (ctx: Context, organization?: string) => Promise<Pick<Page, 'brand' | 'links'>>,
  ) {}

  async send(ctx: Context, template: string, data: object, options: PageOptions = {}): Promise<void> {
    const html = await this.html(ctx, template, data, options);
    ctx.status = options.status ?? 200;
    ctx.type = 'html';
    ctx.set('Content-Security-Policy', contentSecurityPolicy(options.formAction, options.widget));
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Referrer-Policy', 'no-referrer');
    if (options.retryAfter) ctx.set('Retry-After', String(Math.ceil(options.retryAfter)));
    ctx.body = html;
  }

  locale(ctx: Context, uiLocales?: string): string {
    return this.views.locales.pick(uiLocales, ctx.get('accept-language'));
  }

  private async html(ctx: Context, template: string, data: object, options: PageOptions): Promise<string> {
    const { csrf, uiLocales, timeZone } = options;
    const { brand, links } = await this.brand(ctx, options.organization);
    const requestId = ctx.state.requestId as string | undefined;
    return this.views.render(template, data, {
      locale: this.locale(ctx, uiLocales),
      brand,
      ...(links ? { links } : {}),
      ...(csrf ? { csrf } : {}),
      ...(requestId ? { requestId } : {}),
      ...(timeZone ? { timeZone } : {}),
    });
  }
}
