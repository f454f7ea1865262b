// How forms of our own pages are read: small, urlencoded and not compressed, or refused in the words of HTTP.
import { STATUS_CODES } from 'node:http';
import { bodyParser } from '@koa/bodyparser';
import { AppError } from './errors.js';

/** @throws AppError 413 too large, 415 another encoding, 400 whatever else cannot be read (RFC 9110 §15.5). */
export const readForm = bodyParser({
  enableTypes: ['form'],
  formLimit: '16kb',
  onError(error) {
    const { status = 400 } = error as { status?: number };
    const known = status === 413 || status === 415 ? status : 400;
    throw new AppError(known, 'invalid_form', STATUS_CODES[known] ?? '', { cause: error });
  },
});
