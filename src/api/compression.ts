// Lists and the OpenAPI document are long and alike from line to line: they leave compressed where the caller can read that.
import type { Middleware } from 'koa';
import compress from 'koa-compress';

const compressed = compress({ threshold: 1024 });

/**
 * Only what is read, and never what shows a secret: that is answered to a POST. A caller here sends a bearer token, which no other page can
 * make a browser send, so nobody can have their own words compressed beside somebody's data (BREACH). One resource is short and has a
 * validator that If-Match compares, which would have to differ between codings (RFC 9110 §8.8.3.3): it stays as it is.
 */
export const compressReads: Middleware = (ctx, next) =>
  compressed(ctx, async () => {
    await next();
    ctx.compress = ctx.method === 'GET' && ctx.status === 200 && !ctx.response.get('ETag');
  });
