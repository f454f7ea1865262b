// The management API to be read and tried out in a browser: pages of our own around Swagger UI, whose files come from here as well, and an answer of the
// sign-in that the page asks for. Owns no rule: the page is one more client (features/clients/built-in-clients.ts) of the API beside it.
import { createRequire } from 'node:module';
import path from 'node:path';
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { API_DOCS_CLIENT, API_DOCS_REDIRECT_PATH } from '../features/clients/built-in-clients.js';
import { Assets } from '../platform/assets.js';
import type { Pages } from '../platform/page.js';

const require = createRequire(import.meta.url);

const PAGE = '/api/docs';
const PREFIX = '/assets/api-docs/';
const files = { script: 'swagger-ui-bundle.js', style: 'swagger-ui.css' } as const;

/** Two megabytes: read for the first who asks, most processes are never asked. */
const lazily = () => {
  let assets: Assets | undefined;
  return () => {
    const folder = path.dirname(require.resolve('swagger-ui-dist/package.json'));
    assets ??= new Assets(folder, true, PREFIX, Object.values(files));
    return assets;
  };
};

export interface ApiDocs {
  /** In front of the doors, as other files: they are the same for every tenant. */
  files: Middleware;
  router: Router;
}

/** @param issuer of the tenant that is asked. */
export function createApiDocs({ pages, issuer }: { pages: Pages; issuer: (ctx: Context) => string }): ApiDocs {
  const assets = lazily();
  const router = new Router({ sensitive: true, strict: true });

  router.get(PAGE, async (ctx) => {
    ctx.state.route = PAGE;
    const here = issuer(ctx);
    await pages.send(ctx, 'api/docs', {
      files: { script: assets().url(files.script), style: assets().url(files.style) },
      settings: {
        url: `${here}/api/v1/openapi.json`,
        issuer: here,
        client: API_DOCS_CLIENT,
        redirect: `${here}${API_DOCS_REDIRECT_PATH}`,
        resource: `${here}/api`,
      },
    });
  });

  router.get(API_DOCS_REDIRECT_PATH, async (ctx) => {
    ctx.state.route = API_DOCS_REDIRECT_PATH;
    await pages.send(ctx, 'api/signed-in', {});
  });

  return { files: (ctx, next) => (ctx.path.startsWith(PREFIX) ? assets().middleware()(ctx, next) : next()), router };
}
