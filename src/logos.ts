// The logos that were uploaded, from our own address: named by what they hold, so that they are kept for good.
import Router from '@koa/router';
import type { Logos } from './features/branding/logos.js';
import { notFound } from './platform/errors.js';

export function createLogoRouter(logos: Pick<Logos, 'find'>): Router {
  const router = new Router({ prefix: '/brand', sensitive: true, strict: true });
  router.get('/:id', async (ctx) => {
    ctx.state.route = '/brand/:id';
    const found = await logos.find(ctx.params.id ?? '');
    if (!found) throw notFound('picture');
    ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
    ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.type = found.type;
    ctx.body = found.image;
  });
  return router;
}
