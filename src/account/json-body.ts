// JSON that scripts of our own pages send: small, and nothing else is read as it.
import { bodyParser } from '@koa/bodyparser';
import { AppError } from '../platform/errors.js';

/** @throws AppError 413 too large, 400 whatever is no JSON. */
export const readJsonBody = bodyParser({
  enableTypes: ['json'],
  jsonLimit: '128kb',
  onError(error) {
    const { status = 400 } = error as { status?: number };
    throw status === 413
      ? new AppError(413, 'too_large', 'The body is too large', { cause: error })
      : new AppError(400, 'invalid_json', 'The body is not JSON', { cause: error });
  },
});
