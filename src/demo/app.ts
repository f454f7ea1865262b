// The demo: an ordinary application that signs people in with the server, and shows each request on the way.
// Owns its pages and its port; hands off to relying-party.ts. It knows the server by its issuer alone, as any application does.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import path from 'node:path';
import Router from '@koa/router';
import { Eta } from 'eta';
import Koa, { type Context } from 'koa';
import { RelyingParty } from './relying-party.js';
import { addRoutes } from './routes.js';
import { Sessions } from './sessions.js';

export interface DemoSettings {
  issuer: string;
  clientId: string;
  clientSecret?: string;
  port: number;
  /** Address to listen on; default 127.0.0.1. */
  host?: string;
  /** Where browsers reach the demo; default http://localhost:{port}. Register its redirect URIs with `demoClient(origin)`. */
  origin?: string;
  /** The project's views folder. */
  views: string;
  /** Signs the session cookie. */
  cookieKey: string;
  allowInsecure: boolean;
  /** Called with what went wrong, in words that hold no token. */
  onError?: (message: string) => void;
}

export interface Demo {
  app: Koa;
  listen(): Promise<void>;
  close(): Promise<void>;
}

/** What the demo has to be registered as (RFC 7591 §2). */
export const demoClient = (origin: string) => ({
  client_name: 'Ostiary demo',
  redirect_uris: [`${origin}/callback`],
  post_logout_redirect_uris: [`${origin}/`],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code' as const],
  scope: 'openid profile email offline_access',
  token_endpoint_auth_method: 'client_secret_basic' as const,
});

export type Page = (ctx: Context, template: string, data?: object) => void;

export function createDemo(settings: DemoSettings): Demo {
  const origin = settings.origin ?? `http://localhost:${settings.port}`;
  const party = new RelyingParty({ ...settings, origin });
  const eta = new Eta({ views: settings.views, cache: true, autoEscape: true });
  const stylesheet = readFileSync(path.join(settings.views, 'assets', 'demo.css'), 'utf8');
  const version = createHash('sha256').update(stylesheet).digest('base64url').slice(0, 12);
  const page: Page = (ctx, template, data = {}) => {
    ctx.type = 'html';
    ctx.body = eta.render(`demo/${template}`, { issuer: settings.issuer, stylesheet: `/demo-${version}.css`, ...data });
  };

  const app = new Koa();
  app.keys = [settings.cookieKey];
  app.silent = true; // Koa prints errors with whatever they carry; ours go to onError without
  app.use(headers(settings.issuer));
  app.use(failures(page, settings.onError));
  app.use(sameOrigin(origin));

  const router = new Router();
  router.get(`/demo-${version}.css`, (ctx) => {
    ctx.set('cache-control', 'public, max-age=31536000, immutable');
    ctx.type = 'css';
    ctx.body = stylesheet;
  });
  router.get('/favicon.ico', (ctx) => {
    ctx.status = 204;
  });
  addRoutes(router, { party, sessions: new Sessions(), page, secure: origin.startsWith('https:') });
  app.use(router.routes());

  let server: Server | undefined;
  return {
    app,
    listen: () =>
      new Promise((resolve, reject) => {
        server = app.listen(settings.port, settings.host ?? '127.0.0.1', resolve);
        server.once('error', reject);
      }),
    close: () =>
      new Promise((resolve) => {
        if (!server) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** form-action covers every redirect after a form: signing out goes to the issuer and comes back. */
function headers(issuer: string): Koa.Middleware {
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    "script-src 'none'",
    `form-action 'self' ${new URL(issuer).origin}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return async (ctx, next) => {
    ctx.set({
      'content-security-policy': policy,
      'referrer-policy': 'same-origin', // with no-referrer browsers send `Origin: null`, and sameOrigin() could not tell
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    await next();
  };
}

function failures(page: Page, onError: DemoSettings['onError']): Koa.Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status !== 404 || ctx.body) return;
      page(ctx, 'error', { title: 'There is no such page', sentence: 'The address may be mistyped.' });
      ctx.status = 404;
    } catch (error) {
      const { name, code, status } = error as { name?: unknown; code?: unknown; status?: unknown };
      if (status === 403) {
        page(ctx, 'error', { title: 'That came from another site', sentence: 'Use the buttons of this page.' });
        ctx.status = 403;
        return;
      }
      onError?.(`demo: ${String(name)}${code ? ` (${String(code)})` : ''}`);
      ctx.status = 502;
      page(ctx, 'error', {
        title: 'The server could not be reached',
        sentence: 'It may still be starting. Wait a moment and try again.',
      });
    }
  };
}

/** Cross-site posts do not carry the SameSite=Lax cookie; this also stops other ports of the same host. */
function sameOrigin(origin: string): Koa.Middleware {
  return async (ctx, next) => {
    const sender = ctx.get('origin');
    if (ctx.method === 'POST' && sender && sender !== origin) ctx.throw(403);
    await next();
  };
}
