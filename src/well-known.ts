// What password managers, browsers and researchers look for at a fixed address (RFC 8615).
import Router from '@koa/router';
import type { Context } from 'koa';
import type { AuditCheckpoints } from './features/audit-proof/checkpoints.js';
import { protectedResourceMetadata, WELL_KNOWN } from './features/resources/protected-resource.js';
import type { ResourceService } from './features/resources/resource.service.js';
import { type Clock, epochSeconds } from './platform/clock.js';
import { notFound } from './platform/errors.js';

interface WellKnownDependencies {
  /** RFC 9116 §2.5.3: whom to tell of a weakness. Without it there is no security.txt. */
  securityContact: string | undefined;
  clock: Clock;
  resources: Pick<ResourceService, 'findHosted'>;
  auditCheckpoints: Pick<AuditCheckpoints, 'list'>;
}

const checkpointsAtOnce = 500;
const daySeconds = 24 * 3600;
/** RFC 9116 §2.5.5 recommends less than a year. */
const goodForDays = 180;

export function createWellKnownRouter({
  securityContact,
  clock,
  resources,
  auditCheckpoints,
}: WellKnownDependencies): Router {
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

  // RFC 9728 §3: of the resources that lie below this issuer, our own API first. All others host their document themselves.
  router.get('/oauth-protected-resource{/*below}', async (ctx) => {
    ctx.state.route = WELL_KNOWN;
    const { issuer } = ctx.state;
    const rest = `${ctx.path.slice(WELL_KNOWN.length)}${ctx.search}`;
    // §3.1: a slash at the end of the host was taken away.
    const found =
      (await resources.findHosted(`${issuer}${rest}`)) ??
      (rest === '' ? await resources.findHosted(`${issuer}/`) : undefined);
    if (!found) throw notFound('resource');
    // Fetch: what everybody may know, programs in pages may read.
    ctx.set('Access-Control-Allow-Origin', '*');
    document(ctx, protectedResourceMetadata(found, issuer));
  });

  // Whoever keeps one can say later what was recorded by then. Counts and hashes, and nothing of what happened.
  router.get('/audit-checkpoints', async (ctx) => {
    const { before } = ctx.query;
    if (before !== undefined && !/^[1-9]\d{0,15}$/.test(String(before))) throw notFound('page');
    const found = await auditCheckpoints.list(before === undefined ? undefined : Number(before), checkpointsAtOnce);
    const last = found.length === checkpointsAtOnce ? found.at(-1) : undefined;
    ctx.set('Cache-Control', 'public, max-age=60');
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.type = 'application/json';
    ctx.body = JSON.stringify({
      issuer: ctx.state.issuer,
      checkpoints: found.map(({ jws }) => jws),
      ...(last && last.number > 1
        ? { next: `${ctx.state.issuer}/.well-known/audit-checkpoints?before=${last.number}` }
        : {}),
    });
  });

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
