// What is wrong, for programs (RFC 9457): the same codes as on the pages, without the page.
import type { Context, Middleware } from 'koa';
import { currentContext } from '../platform/context.js';
import { databaseError } from '../platform/database-errors.js';
import { AppError } from '../platform/errors.js';
import type { Logger } from '../platform/logger.js';

export interface Problem {
  status: number;
  code: string;
  detail?: string | undefined;
  errors?: { pointer: string; detail: string }[] | undefined;
  retryAfter?: number | undefined;
  /** The step that would be taken now. */
  step?: string | undefined;
}

/** Whoever proves nothing is not let in (RFC 9110 §15.5.2); everything else is wrong about the form. */
const proves = /^(failed|locked|captcha_required|wrong_\w+|\w+_gone|\w+_locked|passkey_failed)$/;

export function problemOf(
  data: { error?: { code: string; seconds?: number }; reasons?: string[] },
  { status = 422 }: { status?: number },
): Problem {
  const { error, reasons = [] } = data;
  const code = error?.code ?? (reasons.length > 0 ? 'invalid_password' : 'wrong_step');
  return {
    status: status === 422 && proves.test(code) ? 401 : status === 200 ? 409 : status,
    code,
    errors: reasons.map((detail) => ({ pointer: '/password', detail })),
    retryAfter: error?.seconds,
  };
}

export function answerProblem(ctx: Context, { status, code, detail, errors, retryAfter, step }: Problem): void {
  ctx.status = status;
  ctx.type = 'application/problem+json';
  ctx.set('Cache-Control', 'no-store');
  if (retryAfter) ctx.set('Retry-After', String(Math.ceil(retryAfter)));
  ctx.body = JSON.stringify({
    type: `urn:ostiary:problem:${code}`,
    title: code.charAt(0).toUpperCase() + code.slice(1).replaceAll('_', ' '),
    status,
    detail,
    code,
    ...(errors?.length ? { errors } : {}),
    ...(retryAfter ? { retry_after: Math.ceil(retryAfter) } : {}),
    step,
    request_id: currentContext()?.requestId ?? 'none',
  });
}

/** Around every form that programs send. */
export const problems =
  (logger: Logger): Middleware =>
  async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const known = error instanceof AppError ? error : databaseError(error);
      if (!known) logger.error('a request failed', { error });
      else if (known.status >= 500) logger.warn('a request could not be served', { error });
      ctx.set(known?.details.headers ?? {});
      answerProblem(ctx, {
        status: known?.status ?? 500,
        code: known?.code ?? 'internal_error',
        // The message of an unknown error is written for us and may quote what it failed on.
        detail: known?.message,
        errors: known?.details.issues?.map(({ pointer, message }) => ({ pointer, detail: message })),
        retryAfter: known?.details.retryAfter,
      });
    }
  };
