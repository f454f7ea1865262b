// Errors as RFC 9457 problem details. The log gets what the caller does not.
import { STATUS_CODES } from 'node:http';
import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import { currentContext } from './context.js';
import { databaseError } from './database-errors.js';
import { AppError } from './errors.js';

export interface Logger {
  warn(message: string, fields: Record<string, unknown>): unknown;
  error(message: string, fields: Record<string, unknown>): unknown;
}

export const problemType = 'application/problem+json';

export const Problem = z
  .object({
    type: z.string().meta({ description: 'A URI that names the kind of problem', format: 'uri' }),
    title: z.string().meta({ description: 'The kind of problem in words, the same each time' }),
    status: z.int().min(400).max(599),
    detail: z.string().optional().meta({ description: 'What happened this time' }),
    code: z.string().meta({ description: 'Stable; programs branch on it' }),
    errors: z
      .array(z.object({ pointer: z.string().meta({ description: 'JSON pointer (RFC 6901)' }), detail: z.string() }))
      .optional(),
    retry_after: z.int().optional().meta({ description: 'Seconds, as in Retry-After' }),
    request_id: z.string().meta({ description: 'Names this request in the log' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' });

/** Stands around every route: nothing below it answers an error by itself, and nothing of it is cached. */
export const problems =
  (logger: Logger): Middleware =>
  async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    try {
      await next();
    } catch (error) {
      renderProblem(ctx, error, logger);
    }
  };

export function renderProblem(ctx: Context, error: unknown, logger: Logger): void {
  const known = error instanceof AppError ? error : databaseError(error);
  const status = known?.status ?? 500;
  const requestId = currentContext()?.requestId ?? 'none';
  if (status >= 500 && !known?.details.decided) {
    const fields = { request_id: requestId, method: ctx.method, route: String(ctx._matchedRoute ?? ''), error };
    if (known) logger.warn('a request could not be served', fields);
    else logger.error('a request failed', fields);
  }
  ctx.set(known?.details.headers ?? {});
  if (known?.details.retryAfter !== undefined) ctx.set('Retry-After', String(Math.ceil(known.details.retryAfter)));
  ctx.status = status;
  ctx.type = problemType;
  // RFC 9457 §3.2: what a program needs to go on.
  ctx.body = JSON.stringify({ ...known?.details.members, ...describe(known, status, requestId) });
}

function describe(known: AppError | undefined, status: number, requestId: string): z.infer<typeof Problem> {
  const code = known?.code ?? 'internal_error';
  const issues = known?.details.issues ?? [];
  return {
    type: `urn:ostiary:problem:${code}`,
    title: known ? titleOf(code) : (STATUS_CODES[500] ?? ''),
    status,
    // The message of an unknown error is written for us and may quote what it failed on.
    ...(known ? { detail: known.message } : {}),
    code,
    ...(issues.length > 0 ? { errors: issues.map(({ pointer, message }) => ({ pointer, detail: message })) } : {}),
    ...(known?.details.retryAfter !== undefined ? { retry_after: Math.ceil(known.details.retryAfter) } : {}),
    request_id: requestId,
  };
}

const titleOf = (code: string) => code.charAt(0).toUpperCase() + code.slice(1).replaceAll('_', ' ');
