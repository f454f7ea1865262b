// What password managers, browsers and researchers look for at a fixed address (RFC 8615).
import Router from '@koa/router';
import type { Context } from 'koa';
import { type Clock, epochSeconds } from './platform/clock.js';

interface WellKnownDependencies {
  /** RFC 9116 §2.5.3: whom to tell of a weakness. Without it there is no security.txt. */
  securityContact: string | undefined;
  clock: Clock;
}

const daySeconds = 24 * 3600;
/** RFC 9116 §2.5.5 recommends less than a year. */
const goodForDays = 180;

export function createWellKnownRouter({ securityContact, clock }: WellKnownDependencies): Router {
  const router = new Router({ prefix: '/.well-known', sensitive: true, strict: true });

  router.use(async (ctx, next) => {
    ctx.state.route = ctx.path;
    await next();
  });

  // W3C, A Well-Known URL for Changing Passwords §2.
  router.get('/change-password', (ctx) => {
    ctx.redirect(`${ctx.state.prefix}/account/security/password`);
  });

  // W3C, A Well-Known URL for Relying Party Passkey Endpoints §2.
  router.get('/passkey-endpoints', (ctx) => {
    const page = `${ctx.state.issuer}/account/security/passkeys`;
    document(ctx, { enroll: page, manage: page });
  });

  // WebAuthn §5.11: origins that may use this RP ID. Each host is a relying party of its own, so no other one may.
  router.get('/webauthn', (ctx) => document(ctx, { origins: [ctx.state.origin] }));

  if (securityContact)
    router.get('/security.txt', (ctx) => {
      const today = Math.floor(epochSeconds(clock.now()) / daySeconds);
      const expires = new Date((today + goodForDays) * daySeconds * 1000);
      ctx.set('Cache-Control', `public, max-age=${daySeconds}`);
      ctx.type = 'text/plain; charset=utf-8';
      // RFC 9116 §2.2: lines end in CRLF.
      ctx.body = `Contact: ${securityContact}\r\nExpires: ${expires.toISOString()}\r\n`;
    });

  return router;
}

function document(ctx: Context, body: object): void {
  ctx.set('Cache-Control', 'public, max-age=3600');
  ctx.type = 'application/json';
  ctx.body = JSON.stringify(body);
}
