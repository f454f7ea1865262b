// Errors as people see them: a page with kind words and the request id. What nobody expected is logged and answered without detail.
import type { Context, Middleware } from 'koa';
import { databaseError } from './platform/database-errors.js';
import { AppError } from './platform/errors.js';
import type { Logger } from './platform/logger.js';
import type { Pages } from './platform/page.js';

export function renderErrors(pages: Pages, logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (ctx.respond === false || ctx.headerSent) {
        logger.error('an answer was cut off', { error });
        if (!ctx.res.writableEnded) ctx.res.destroy();
        return;
      }
      await render(ctx, error, pages, logger);
    }
  };
}

async function render(ctx: Context, error: unknown, pages: Pages, logger: Logger): Promise<void> {
  const known = error instanceof AppError ? error : (unreadable(error) ?? databaseError(error));
  if (!known) logger.error('a request failed', { error });
  else if (known.status >= 500 && !known.details.decided) logger.warn('a request could not be served', { error });
  const status = known?.status ?? 500;
  const retryAfter = known?.details.retryAfter;
  ctx.set(known?.details.headers ?? {});
  // Where there is a trace of it, it is what whoever helps asks for.
  const { trace, announcement } = known?.details.members ?? {};
  const data = {
    code: known?.code ?? 'generic',
    seconds: retryAfter,
    ...(typeof trace === 'string' ? { traceId: trace } : {}),
    // The operator's own words.
    ...(typeof announcement === 'string' ? { sentence: announcement } : {}),
  };
  try {
    // Browsers ask for html by name; who takes anything is a program.
    if (ctx.accepts('json', 'html') !== 'html') throw new Error('no page wanted');
    await pages.send(ctx, 'errors/error', data, { status, retryAfter });
  } catch {
    // No page wanted, or none to be had: the database is away, or nobody knows which tenant this is.
    ctx.status = status;
    ctx.set('Cache-Control', 'no-store');
    if (retryAfter) ctx.set('Retry-After', String(Math.ceil(retryAfter)));
    ctx.body = {
      error: known?.code ?? 'server_error',
      error_description: known?.message ?? 'Something went wrong',
      request_id: ctx.state.requestId,
    };
  }
}

/** What a body parser refuses: too large, cut off, in an encoding nobody knows. */
function unreadable(error: unknown): AppError | undefined {
  const { status, expose } = (error ?? {}) as { status?: unknown; expose?: unknown };
  if (typeof status !== 'number' || status < 400 || status > 499 || expose !== true) return undefined;
  return new AppError(status, 'unreadable_body', 'The body could not be read', { cause: error });
}
