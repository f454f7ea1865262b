// The features of one process, wired as app.ts does, over a real database, with a clock that tests move and a hasher that counts.

import { EmailCodes } from '../../src/features/accounts/email-codes.js';
import { EmailVerification } from '../../src/features/accounts/email-verification.js';
import { ForgottenPasswords } from '../../src/features/accounts/forgotten-passwords.js';
import { MagicLinks } from '../../src/features/accounts/magic-links.js';
import { MailboxProof } from '../../src/features/accounts/mailbox-proof.js';
import { Mailboxes, type MailboxLimits } from '../../src/features/accounts/mailboxes.js';
import { RegistrationService } from '../../src/features/accounts/registration.js';
import { Registrations } from '../../src/features/accounts/registrations.js';
import { AuditLog } from '../../src/features/audit/audit.service.js';
import { AuditEvent } from '../../src/features/audit/audit-event.entity.js';
import { ClientService } from '../../src/features/clients/client.service.js';
import { ClientLookup } from '../../src/features/clients/client-lookup.js';
import { Lockout } from '../../src/features/credentials/lockout.js';
import { MailedCodeTries } from '../../src/features/credentials/mailed-code-tries.js';
import { PasswordLinks } from '../../src/features/credentials/password-links.js';
import { Devices } from '../../src/features/devices/device.service.js';
import { KeyService } from '../../src/features/keys/key.service.js';
import type { MailDriver } from '../../src/features/mail/mail.driver.js';
import { MailService } from '../../src/features/mail/mail.service.js';
import { OneTimeTokens } from '../../src/features/one-time-tokens/one-time-token.service.js';
import { ResourceService } from '../../src/features/resources/resource.service.js';
import type { Caching } from '../../src/features/tenants/caching.js';
import type { Tenant } from '../../src/features/tenants/tenant.entity.js';
import { TenantService } from '../../src/features/tenants/tenant.service.js';
import { UserService } from '../../src/features/users/user.service.js';
import { noHooks } from '../../src/features/users/user-hooks.js';
import { migrations } from '../../src/migrations.js';
import { BoundedCache } from '../../src/platform/cache.js';
import { withContext } from '../../src/platform/context.js';
import { Sealer } from '../../src/platform/crypto.js';
import { createDataSource, type DataSourceSettings } from '../../src/platform/data-source.js';
import { Database } from '../../src/platform/database.js';
import { Invalidation } from '../../src/platform/invalidation.js';
import { RateLimits } from '../../src/platform/rate-limit.js';
import { entities } from '../../src/schema.js';
import { openPasswords } from '../support/passwords.js';
import { freshDatabase, type Kind } from '../support/postgres.js';

export class MovableClock {
  private offset = 0;
  now = () => new Date(Date.now() + this.offset);
  forward(seconds: number) {
    this.offset += seconds * 1000;
  }
}

/** Tells right from wrong without the work, and how often it was asked. */
export class CountingHasher {
  verifications = 0;
  full = false;
  assertRoom() {
    if (this.full) throw new Error('no room');
  }
  hash = async (password: string) => `plain:${password}`;
  needsRehash = (hash: string) => hash.startsWith('old:');
  strength = async (password: string) => (password.length > 20 ? 'strong' : 'medium') as 'strong' | 'medium';
  async verify(hash: string, password: string) {
    this.verifications += 1;
    // A turn of the event loop, so that parallel attempts overlap as they do with a real hash.
    await new Promise((resolve) => setImmediate(resolve));
    return hash.slice(hash.indexOf(':') + 1) === password;
  }
}

const sealer = new Sealer(new Map([['t1', Buffer.alloc(32, 7)]]));

export interface Outgoing {
  template: string;
  to: string;
  data: Record<string, unknown>;
}

export async function openHouse(kind: Kind, processes = 1, letterLimits?: MailboxLimits) {
  const database = await freshDatabase(kind, { entities, migrations });
  const clock = new MovableClock();
  const rooms: Awaited<ReturnType<typeof openProcess>>[] = [];
  for (let count = 0; count < processes; count += 1)
    rooms.push(await openProcess(database.settings, clock, letterLimits));
  const [first, ...others] = rooms;
  if (!first) throw new Error('a house has a process');
  const tenant = await first.tenants.ensureDefault();
  return {
    ...first,
    clock,
    tenant,
    others,
    async close() {
      for (const { db } of rooms) await db.dataSource.destroy();
      await database.close();
    },
  };
}

async function openProcess(settings: DataSourceSettings, clock: MovableClock, letterLimits?: MailboxLimits) {
  const db = new Database(await createDataSource(settings).initialize());
  const invalidation = new Invalidation(db);
  const caching: Caching = {
    cache: (options) => new BoundedCache({ ...options, invalidation, clock }),
    publish: (topic, key) => invalidation.publish(topic, key),
  };
  const hasher = new CountingHasher();
  const outbox: { task: string; payload: object }[] = [];
  const sent: Outgoing[] = [];
  const ended: string[] = [];
  const locks: object[] = [];
  const audit = new AuditLog(db, clock);
  const tenants = new TenantService(db, audit, sealer, caching, clock, { issuer: 'https://id.example.com' });
  const keys = new KeyService(db, audit, tenants, sealer, caching, clock, { error() {} });
  const registrations = new Registrations(db, clock);
  const users = new UserService(db, audit, clock, {
    ...noHooks,
    mayChangePrivileged() {},
    privileged: async () => {},
    proved: async () => {},
    erased: async () => {},
    verified: ({ id }) => registrations.forget(id),
    moved: async () => {},
    kept: async () => {},
    ended: async ({ id }) => void ended.push(id),
  });
  const oneTimeTokens = new OneTimeTokens(db, clock);
  const lockout = new Lockout(db, clock);
  const ground = { db, audit, tenants, users, lockout, oneTimeTokens, clock };
  const { attempts, passwords } = openPasswords(ground, hasher, {
    passwordChanged: async ({ id }) => void ended.push(id),
    locked: async (lock) => void locks.push(lock),
  });
  const transport: MailDriver = {
    keeps: true,
    // What is rendered and goes to nobody is no letter.
    send: async ({ to, subject, text }) => void sent.push({ template: subject, to, data: JSON.parse(text) }),
    check: async () => 'healthy',
    close: () => {},
  };
  const mail = new MailService(
    db,
    { enqueue: async (task, payload) => void outbox.push({ task, payload }) },
    sealer,
    (template, _locale, data) => ({ subject: template, text: JSON.stringify(data), html: '' }),
    transport,
    clock,
    audit,
  );
  const linkOf = (tenant: Tenant, token: string) =>
    `${tenant.issuer('https://id.example.com')}/password?token=${token}`;
  const proof = new MailboxProof(db, audit, users, registrations, {
    async disown(user) {
      await passwords.remove(user);
      ended.push(user.id);
    },
  });
  const links = new PasswordLinks(
    db,
    audit,
    tenants,
    users,
    passwords,
    oneTimeTokens,
    mail,
    linkOf,
    async (user) => (await proof.proved(user, { flow: undefined })).user,
  );
  const rateLimits = new RateLimits({ workers: 1, clock });
  const devices = new Devices(db, audit, clock);
  const mailboxes = new Mailboxes(tenants, users, devices, rateLimits, letterLimits);
  const verification = new EmailVerification(
    db,
    audit,
    tenants,
    passwords,
    mailboxes,
    registrations,
    proof,
    oneTimeTokens,
    mail,
  );
  const mailedCodeTries = new MailedCodeTries(db, tenants, attempts, clock);
  const codes = new EmailCodes(db, audit, mailboxes, proof, oneTimeTokens, mail, mailedCodeTries);
  const magicLinks = new MagicLinks(db, audit, tenants, mailboxes, proof, codes, oneTimeTokens, mail, mailedCodeTries);
  const forgotten = new ForgottenPasswords(db, audit, tenants, mailboxes, oneTimeTokens, mail, linkOf);
  const registration = new RegistrationService(
    db,
    audit,
    tenants,
    passwords,
    mailboxes,
    registrations,
    verification,
    mail,
    clock,
    (issuer) => `${issuer}/forgotten-password`,
  );
  const clients = new ClientService(db, audit, new ClientLookup(db, caching, clock, async () => ({})), clock, {
    production: true,
  });
  const resources = new ResourceService(db, audit, tenants, caching, clock, (tenant) => [
    {
      identifier: `${tenant.issuer('https://id.example.com')}/api`,
      name: 'Management API',
      scopes: [],
      accessTokenFormat: 'opaque',
      accessTokenTtl: 900,
      signingAlg: 'ES256',
    },
  ]);
  const eventsOf = async (name: string) =>
    (await db.repo(AuditEvent).find({ where: { name }, order: { id: 'ASC' } })).map(({ data }) => data);
  return {
    db,
    hasher,
    outbox,
    sent,
    ended,
    locks,
    transport,
    audit,
    tenants,
    keys,
    users,
    devices,
    oneTimeTokens,
    lockout,
    attempts,
    passwords,
    mail,
    proof,
    links,
    verification,
    codes,
    magicLinks,
    forgotten,
    registration,
    clients,
    resources,
    eventsOf,
  };
}

export const at = <T>(tenant: Tenant, work: () => T): T =>
  withContext({ tenantId: tenant.id, requestId: 'test' }, work);
