// JSON that scripts of our own pages send: small, and nothing else is read as it.
import { bodyParser } from '@koa/bodyparser';
import type { Middleware } from 'koa';
import { AppError } from '../platform/errors.js';

const parse = bodyParser({
  enableTypes: ['json'],
  jsonLimit: '128kb',
  onError(error) {
    const { status = 400 } = error as { status?: number };
    throw status === 413
      ? new AppError(413, 'too_large', 'The body is too large', { cause: error })
      : new AppError(400, 'invalid_json', 'The body is not JSON', { cause: error });
  },
});

/** @throws AppError 413 too large, 415 in a coding (RFC 9110 §8.4.1: no small request becomes a large one), 400 whatever is no JSON. */
export const readJsonBody: Middleware = (ctx, next) => {
  if (!/^(?:identity)?$/i.test(ctx.get('Content-Encoding')))
    throw new AppError(415, 'unsupported_encoding', 'A body must not be encoded', {
      headers: { 'Accept-Encoding': 'identity' },
    });
  return parse(ctx, next);
};
