// How forms of our own pages are read: small, urlencoded and not compressed, or refused in the words of HTTP; and what follows them.
import { STATUS_CODES } from 'node:http';
import { bodyParser } from '@koa/bodyparser';
import type { Context } from 'koa';
import { z } from 'zod';
import { AppError } from './errors.js';

/** @throws AppError 413 too large, 415 another encoding, 400 whatever else cannot be read (RFC 9110 §15.5). */
export const formReader = (formLimit: string) =>
  bodyParser({
    enableTypes: ['form'],
    formLimit,
    onError(error) {
      const { status = 400 } = error as { status?: number };
      const known = status === 413 || status === 415 ? status : 400;
      throw new AppError(known, 'invalid_form', STATUS_CODES[known] ?? '', { cause: error });
    },
  });

export const readForm = formReader('16kb');

/** What is absent, repeated or nested is empty, and an empty value is good for nothing. */
export const textField = z.string().catch('');

/** RFC 9110 §15.4.4: after a form was sent the browser asks with GET, and going back sends nothing twice. */
export function seeOther(ctx: Context, address: string): void {
  ctx.redirect(address);
  ctx.status = 303;
  ctx.set('Cache-Control', 'no-store');
}
