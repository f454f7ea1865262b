// Owns whom the tenant and its organizations tell of what happens, and of what.
// Hands off to: webhook-outbox.ts, which notes what they are told; webhook-sender.ts, which tells them; webhook-deliveries.ts, what became of that.
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, forbidden, notFound, preconditionFailed } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Organization } from '../organizations/organization.entity.js';
import { lockedOrganization } from '../organizations/organization-rows.js';
import type { Standings } from '../organizations/standing.js';
import type { Caching } from '../tenants/caching.js';
import type { CreateWebhook, UpdateWebhook } from './webhook.schema.js';
import { type DisabledReason, WebhookEndpoint } from './webhook-endpoint.entity.js';
import { WEBHOOKS_TOPIC } from './webhook-listening.js';
import type { WebhookSecrets } from './webhook-secrets.js';

/** The tenant itself where it is null. */
export type Owner = Organization | null;

/** Each event is written down once for each that listens. */
const most = { organization: 10, tenant: 20 };

export interface WebhookDependencies {
  db: Database;
  audit: AuditLog;
  clock: Clock;
  caching: Pick<Caching, 'publish'>;
  standings: Pick<Standings, 'atLeast'>;
  secrets: WebhookSecrets;
}

interface WithSecret {
  webhook: WebhookEndpoint;
  secret: string;
}

export class WebhookService {
  constructor(private readonly deps: WebhookDependencies) {}

  /** @throws AppError 404, 403 */
  async assertReads(owner: Owner): Promise<void> {
    if (owner) await this.deps.standings.atLeast('admin', owner);
  }

  /** Of the tenant itself, or of this organization. @throws AppError 404, 403 */
  async find(owner: Owner, id: string): Promise<WebhookEndpoint> {
    await this.assertReads(owner);
    const found = await this.deps.db.repo(WebhookEndpoint).findOneBy({ id });
    if (!found || found.organizationId !== (owner?.id ?? null)) throw notFound('webhook');
    return found;
  }

  /** Enabled from the start: it is told of what happens from now on. @throws AppError 409 for too many, 403. */
  create(owner: Owner, { url, events, description }: CreateWebhook): Promise<WithSecret> {
    const { db, clock, secrets } = this.deps;
    assertReadsRecord(owner);
    return db.transaction(async () => {
      await this.assertMay(owner);
      await this.assertRoom(owner);
      const now = clock.now();
      const webhook = Object.assign(new WebhookEndpoint(), {
        tenantId: currentTenantId(),
        id: newId(),
        organizationId: owner?.id ?? null,
        url,
        events,
        description: description ?? null,
        enabledAt: now,
        createdAt: now,
        updatedAt: now,
      });
      const secret = secrets.renew(webhook);
      // Before it is there: what is told of itself is told from then on.
      await this.recorded(webhook, 'webhook.created');
      await db.repo(WebhookEndpoint).insert(webhook);
      return { webhook, secret };
    });
  }

  /** RFC 7396. @param ifMatch the version the caller saw. @throws AppError 412, 403 */
  update(owner: Owner, { id }: WebhookEndpoint, patch: UpdateWebhook, ifMatch?: number): Promise<WebhookEndpoint> {
    if (patch.url || patch.events) assertReadsRecord(owner);
    return this.deps.db.transaction(async () => {
      const webhook = await this.locked(owner, id, ifMatch);
      const before = JSON.stringify(webhook);
      if (patch.url) webhook.url = patch.url;
      if (patch.events) webhook.events = patch.events;
      if (patch.description !== undefined) webhook.description = patch.description;
      if (JSON.stringify(webhook) === before) return webhook;
      // Somewhere else it may well be taken.
      if (patch.url) Object.assign(webhook, unfailing);
      await this.changed(webhook);
      const { audit } = this.deps;
      await audit.record('webhook.updated', { ...namesOf(webhook), changed: Object.keys(patch) });
      return webhook;
    });
  }

  /** What was noted for it goes with it. */
  delete(owner: Owner, { id }: WebhookEndpoint, ifMatch?: number): Promise<void> {
    const { db } = this.deps;
    return db.transaction(async () => {
      const webhook = await this.locked(owner, id, ifMatch);
      await db.repo(WebhookEndpoint).delete({ id });
      await this.recorded(webhook, 'webhook.deleted');
    });
  }

  /** What it was not told yet, it is told now; of what happened meanwhile nobody has written anything down. */
  enable(owner: Owner, { id }: WebhookEndpoint): Promise<void> {
    const { db, clock } = this.deps;
    return db.transaction(async () => {
      const webhook = await this.locked(owner, id);
      if (webhook.enabledAt) return;
      await this.recorded(webhook, 'webhook.enabled');
      Object.assign(webhook, unfailing, { enabledAt: clock.now(), disabledReason: null });
      await this.changed(webhook);
    });
  }

  disable(owner: Owner, { id }: WebhookEndpoint): Promise<void> {
    return this.deps.db.transaction(async () => {
      await this.close(await this.locked(owner, id), 'administrator');
    });
  }

  /** By what its receiver answers. @returns false where it was disabled already. */
  end({ id }: WebhookEndpoint, reason: 'failing' | 'gone'): Promise<boolean> {
    return this.deps.db.transaction(async () => this.close(await this.row(id), reason));
  }

  /** @param overlapHours how long the old one is good beside it. */
  rotate(owner: Owner, { id }: WebhookEndpoint, overlapHours: number): Promise<WithSecret> {
    const { db, clock, secrets } = this.deps;
    return db.transaction(async () => {
      const webhook = await this.locked(owner, id);
      const until = overlapHours > 0 ? new Date(clock.now().getTime() + overlapHours * 3_600_000) : null;
      const secret = secrets.rotate(webhook, until);
      await this.changed(webhook);
      await this.recorded(webhook, 'webhook.secret_rotated');
      return { webhook, secret };
    });
  }

  private async close(webhook: WebhookEndpoint, reason: DisabledReason): Promise<boolean> {
    if (!webhook.enabledAt) return false;
    Object.assign(webhook, { enabledAt: null, disabledReason: reason });
    await this.changed(webhook);
    await this.tell();
    await this.deps.audit.record('webhook.disabled', { ...namesOf(webhook), reason });
    return true;
  }

  private async recorded(
    webhook: WebhookEndpoint,
    name: 'webhook.created' | 'webhook.deleted' | 'webhook.enabled' | 'webhook.secret_rotated',
  ): Promise<void> {
    await this.tell();
    await this.deps.audit.record(name, namesOf(webhook));
  }

  /** Who listens where. */
  private async tell(): Promise<void> {
    await this.deps.caching.publish(WEBHOOKS_TOPIC, currentTenantId());
  }

  /** Within the transaction of a change: as they stand now, and one after the other. @throws AppError 404, 403 */
  private async assertMay(owner: Owner): Promise<void> {
    if (!owner) return;
    await lockedOrganization(this.deps.db, owner, 'changing');
    await this.deps.standings.atLeast('admin', owner);
  }

  /** One after the other, so that the count holds. @throws AppError 409 */
  private async assertRoom(owner: Owner): Promise<void> {
    const { db } = this.deps;
    if (!owner) await db.execute(LOCK_TENANT, [currentTenantId()]);
    const webhooks = db.repo(WebhookEndpoint).query('w');
    if (owner) webhooks.andWhere('w.organization_id = :id', { id: owner.id });
    else webhooks.andWhere('w.organization_id IS NULL');
    const limit = owner ? most.organization : most.tenant;
    if ((await webhooks.getCount()) >= limit)
      throw conflict('too_many_webhooks', `There are at most ${limit} webhooks`);
  }

  private async changed(webhook: WebhookEndpoint): Promise<void> {
    const { db, clock } = this.deps;
    Object.assign(webhook, { version: webhook.version + 1, updatedAt: clock.now() });
    await db.repo(WebhookEndpoint).save(webhook);
  }

  private async locked(owner: Owner, id: string, ifMatch?: number): Promise<WebhookEndpoint> {
    await this.assertMay(owner);
    const webhook = await this.row(id);
    if (ifMatch !== undefined && ifMatch !== webhook.version) throw preconditionFailed('The webhook has changed since');
    return webhook;
  }

  /** Events go on being noted for it meanwhile. @throws AppError 404 */
  private async row(id: string): Promise<WebhookEndpoint> {
    const row = this.deps.db.repo(WebhookEndpoint).query('w').andWhere('w.id = :id', { id });
    const webhook = await row.setLock('for_no_key_update').getOne();
    if (!webhook) throw notFound('webhook');
    return webhook;
  }
}

/** What a tenant tells is its record, with addresses and browsers: who may not read that has it sent nowhere. @throws AppError 403 */
function assertReadsRecord(owner: Owner): void {
  const held = currentContext()?.actor?.scopes;
  if (owner || !held || held.has('audit:read')) return;
  throw forbidden('scope_not_held', 'What is told is the audit log: this takes audit:read too');
}

const unfailing = { failures: 0, failingSince: null, resumeAt: null };

export const namesOf = ({ id, organizationId }: Pick<WebhookEndpoint, 'id' | 'organizationId'>) => ({
  webhook_id: id,
  organization_id: organizationId,
});

const LOCK_TENANT = { name: 'webhooks_lock_tenant', text: 'SELECT 1 FROM tenants WHERE id = $1 FOR NO KEY UPDATE' };
