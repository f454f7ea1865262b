// The doors of setup, password and mailbox as the front opens them, over the real features and a real database; only time and mail are ours.
import Koa from 'koa';
import supertest from 'supertest';
import { limits } from '../../../config/protocol.js';
import { createMailboxRouter } from '../../../src/dev/mailbox.js';
import { AuditLog } from '../../../src/features/audit/audit.service.js';
import { AuditEvent } from '../../../src/features/audit/audit-event.entity.js';
import { ClientService } from '../../../src/features/clients/client.service.js';
import { ClientLookup } from '../../../src/features/clients/client-lookup.js';
import { Lockout } from '../../../src/features/credentials/lockout.js';
import { PasswordLinks } from '../../../src/features/credentials/password-links.js';
import { type MailDriver, mailDriver } from '../../../src/features/mail/mail.driver.js';
import { MailService, SendMail } from '../../../src/features/mail/mail.service.js';
import type { MailTemplates } from '../../../src/features/mail/mail.templates.js';
import { OneTimeTokens } from '../../../src/features/one-time-tokens/one-time-token.service.js';
import { SetupService } from '../../../src/features/setup/setup.service.js';
import type { Caching } from '../../../src/features/tenants/caching.js';
import { TenantService } from '../../../src/features/tenants/tenant.service.js';
import { UserService } from '../../../src/features/users/user.service.js';
import { createPasswordRouter } from '../../../src/letters/password.js';
import { migrations } from '../../../src/migrations.js';
import { BoundedCache } from '../../../src/platform/cache.js';
import { runInContext, withContext } from '../../../src/platform/context.js';
import { Sealer } from '../../../src/platform/crypto.js';
import { createCsrf } from '../../../src/platform/csrf.js';
import { createDataSource } from '../../../src/platform/data-source.js';
import { Database } from '../../../src/platform/database.js';
import { AppError } from '../../../src/platform/errors.js';
import { Hasher } from '../../../src/platform/hashing.js';
import { Invalidation } from '../../../src/platform/invalidation.js';
import { Pages } from '../../../src/platform/page.js';
import { RateLimits } from '../../../src/platform/rate-limit.js';
import { Views } from '../../../src/platform/views.js';
import { entities } from '../../../src/schema.js';
import { createSetupRouter } from '../../../src/setup/routes.js';
import { viewsRoot } from '../../support/pages.js';
import { openPasswords } from '../../support/passwords.js';
import { freshDatabase, type Kind } from '../../support/postgres.js';

export const issuer = 'https://id.example.com';
export const managementScopes = ['clients:read', 'clients:write', 'users:read', 'users:write'];
export const goodPassword = 'copper lantern upstream 42';

export class MovableClock {
  private offset = 0;
  now = () => new Date(Date.now() + this.offset);
  forward(seconds: number) {
    this.offset += seconds * 1000;
  }
}

export async function openHouse(kind: Kind) {
  const database = await freshDatabase(kind, { entities, migrations });
  const clock = new MovableClock();
  const db = new Database(await createDataSource(database.settings).initialize());
  const invalidation = new Invalidation(db);
  const caching: Caching = {
    cache: (options) => new BoundedCache({ ...options, invalidation, clock }),
    publish: (topic, key) => invalidation.publish(topic, key),
  };
  const hasher = new Hasher({ processes: 1, parameters: { timeCost: 1, memoryCost: 8192, parallelism: 1 } });
  const sealer = new Sealer(new Map([['t1', Buffer.alloc(32, 7)]]));
  const ended: string[] = [];
  const outbox: object[] = [];
  const audit = new AuditLog(db, clock);
  const tenants = new TenantService(db, audit, sealer, caching, clock, { issuer: 'https://id.example.com' });
  const users = new UserService(db, audit, clock);
  const oneTimeTokens = new OneTimeTokens(db, clock);
  const lockout = new Lockout(db, clock);
  const ground = { db, audit, tenants, users, lockout, oneTimeTokens, clock };
  const { passwords } = openPasswords(ground, hasher, {
    passwordChanged: async ({ id }) => void ended.push(id),
    locked: async () => {},
  });
  const clients = new ClientService(db, audit, new ClientLookup(db, caching, clock, async () => ({})), clock, {
    production: true,
  });
  const setup = new SetupService(
    db,
    audit,
    tenants,
    users,
    passwords,
    clients,
    oneTimeTokens,
    () => managementScopes,
    () => {},
  );
  const enqueue = async (_task: string, payload: object) => void outbox.push(payload);
  const render = (template: keyof MailTemplates, _locale: string, data: object) => {
    const { link = '' } = data as { link?: string };
    return { subject: `Subject of ${template}`, text: `Open <this>:\n${link}\n`, html: '' };
  };
  const mailOver = (driver: MailDriver) => new MailService(db, { enqueue }, sealer, render, driver, clock, audit);
  const mail = mailOver(mailDriver('mailbox:', ''));
  const passwordLinks = new PasswordLinks(
    db,
    audit,
    tenants,
    users,
    passwords,
    oneTimeTokens,
    mail,
    (tenant, token) => `${tenant.issuer(issuer)}/password?token=${token}`,
    (user) => users.update(user, { email_verified: true }),
  );

  const tenant = await tenants.ensureDefault();
  const acme = await tenants.create({ slug: 'acme', name: 'Acme' });
  const csrf = createCsrf('c'.repeat(43));
  const pages = new Pages(new Views({ root: viewsRoot, cache: true }), async () => ({ brand: { name: 'Ostiary' } }));
  const rateLimits = new RateLimits({ workers: 1, clock });
  const routers = [
    createSetupRouter({ setup, passwords, csrf, pages, rateLimits }),
    createPasswordRouter(
      { csrf, pages, failures: rateLimits.limiter({ name: 'link', ...limits.linkFailures }) },
      { passwordLinks, passwords, rateLimits },
    ),
    createMailboxRouter({ mail, pages }),
  ];

  /** What the front says of a request; tests change the address. */
  const front = { ip: '203.0.113.9' };
  const seen: string[] = [];
  const app = new Koa();
  app.use(async (ctx, next) => {
    const prefix = ctx.path.startsWith('/t/acme/') ? '/t/acme' : '';
    ctx.path = ctx.path.slice(prefix.length);
    const own = { requestId: 'r1', ip: front.ip, prefix, origin: issuer, issuer: `${issuer}${prefix}` };
    Object.assign(ctx.state, own, { forwarded: Boolean(ctx.get('forwarded') || ctx.get('x-forwarded-for')) });
    const tenantId = prefix ? acme.id : tenant.id;
    try {
      await runInContext({ requestId: 'r1', tenantId, ip: front.ip }, next);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      ctx.status = error.status;
      ctx.body = { code: error.code };
    }
    seen.push(String(ctx.state.route));
  });
  for (const router of routers) app.use(router.routes());
  const server = app.listen(0, '127.0.0.1');

  const inside = <T>(work: () => T, { tenantId = tenant.id } = {}): T => withContext({ tenantId }, work);
  return {
    agent: supertest(server),
    db,
    clock,
    tenant,
    acme,
    tenants,
    users,
    passwords,
    clients,
    lockout,
    setup,
    oneTimeTokens,
    passwordLinks,
    mail,
    mailOver,
    csrf,
    front,
    seen,
    ended,
    outbox,
    inside,
    /** Sends what waits, as the worker does. */
    deliver: () =>
      inside(async () => {
        for (const payload of outbox.splice(0)) await mail.deliver(SendMail.parse(payload));
      }),
    events: (name: string, tenantId = tenant.id) =>
      inside(() => db.repo(AuditEvent).find({ where: { name }, order: { id: 'ASC' } }), { tenantId }),
    async close() {
      await new Promise((resolve) => server.close(resolve));
      await hasher.stop();
      await db.dataSource.destroy();
      await database.close();
    },
  };
}

export type House = Awaited<ReturnType<typeof openHouse>>;

export const tokenOf = (link: string): string => new URL(link).searchParams.get('token') ?? '';

/** The value of a hidden field. */
export const hidden = (html: string, name: string): string | undefined =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1];
