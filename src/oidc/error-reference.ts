// Where error_uri leads (RFC 6749 §4.1.2.1): a page for the developer of the application, which names the reference and says whom to ask. It is the
// same for every reference, given out or not: what was refused is for whoever administers the tenant, and is read elsewhere.
import Router from '@koa/router';
import { TRACE_ID } from '../features/traces/traces.js';
import { notFound } from '../platform/errors.js';
import type { Pages } from '../platform/page.js';

const path = '/errors';

export const errorUri = (issuer: string, id: string): string => `${issuer}${path}/${id}`;

export function createErrorReferenceRouter(pages: Pages): Router {
  const router = new Router({ prefix: path, sensitive: true, strict: true });
  router.get('/:id', async (ctx) => {
    ctx.state.route = `${path}/:id`;
    const traceId = ctx.params.id ?? '';
    if (!TRACE_ID.test(traceId)) throw notFound('page');
    await pages.send(ctx, 'errors/reference', { traceId });
  });
  return router;
}
