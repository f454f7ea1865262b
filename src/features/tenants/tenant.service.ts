// Owns the tenants: who is an issuer here, under which host or path, with which settings and secrets.
// Hands off to: every feature, through the tenant id in the context; oidc/ builds one engine per tenant from these rows.
import { IsNull, type QueryDeepPartialEntity } from 'typeorm';
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import { newId, type Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, invalid, notFound, preconditionFailed } from '../../platform/errors.js';
import { applyPatch } from '../../platform/merge-patch.js';
import type { AuditLog } from '../audit/audit.service.js';
import { keepingTier } from './api-policy.js';
import type { Caching } from './caching.js';
import { type Places, Tenant } from './tenant.entity.js';
import { hostProblem } from './tenant.rules.js';
import { CreateTenant, UpdateTenant } from './tenant.schema.js';
import { noTenantHooks, type TenantHooks } from './tenant-hooks.js';
import { TenantLookup } from './tenant-lookup.js';
import { makeSecrets, openSecrets, type TenantSecrets } from './tenant-secrets.js';

export class TenantService {
  private readonly lookup: TenantLookup;

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly sealer: Sealer,
    caching: Caching,
    private readonly clock: Clock,
    private readonly places: Places,
    private readonly hooks: TenantHooks = noTenantHooks,
  ) {
    this.lookup = new TenantLookup(db, caching);
  }

  /** Makes the tenant `default` at the first start, once, however many processes start. */
  async ensureDefault(): Promise<Tenant> {
    const existing = await this.db.manager.findOneBy(Tenant, { slug: 'default' });
    if (existing) return existing;
    return this.db.transaction(async () => {
      const tenant = this.build({ slug: 'default', name: 'Ostiary' });
      const { raw } = await this.db.manager
        .createQueryBuilder()
        .insert()
        .into(Tenant)
        .values(tenant as QueryDeepPartialEntity<Tenant>)
        .orIgnore()
        .returning('id')
        .execute();
      if ((raw as unknown[]).length === 0) return this.db.manager.findOneByOrFail(Tenant, { slug: 'default' });
      await this.begun(tenant);
      return tenant;
    });
  }

  /** @throws QueryFailedError on a slug or host that is taken, answered as 409; AppError 422 on an address that is the server's. */
  create(input: CreateTenant): Promise<Tenant> {
    const tenant = this.build(CreateTenant.parse(input));
    this.assertOwnHost(tenant.host);
    return this.db.transaction(async () => {
      await this.assertOwnName(tenant);
      await this.db.manager.insert(Tenant, tenant as QueryDeepPartialEntity<Tenant>);
      await this.begun(tenant);
      if (input.settings) await this.hooks.decided(tenant, undefined);
      return tenant;
    });
  }

  /**
   * Settings are replaced one member at a time. Another host is another issuer: what the old one has signed is nobody's any more.
   * @param ifMatch the version the caller saw (RFC 9110 §13.1.1).
   */
  update(tenant: Tenant, input: UpdateTenant, ifMatch?: number): Promise<Tenant> {
    const { name, host, settings } = UpdateTenant.parse(input);
    this.hooks.maySet(settings);
    if (host !== undefined) this.assertOwnHost(host);
    return this.change(tenant, ifMatch, async (row) => {
      if (host && row.isDefault)
        throw invalid('The tenant default answers at the address of the installation', [
          { pointer: '/host', message: 'cannot be set here' },
        ]);
      if (name !== undefined) row.name = name;
      if (host !== undefined) {
        row.host = host;
        await this.assertOwnName(row);
      }
      const before = Object.assign(new Tenant(), row);
      if (settings)
        row.storedSettings = applyPatch(
          row.storedSettings,
          keepingTier(row.storedSettings, settings, this.hooks.operates()),
        );
      if (settings) await this.hooks.decided(row, before);
      await this.recordAs(row, () =>
        this.audit.record('tenant.updated', { tenant_id: row.id, changed: Object.keys(input) }),
      );
    });
  }

  /** Nobody is answered there until it is resumed; nothing is lost. */
  suspend(tenant: Tenant, ifMatch?: number): Promise<Tenant> {
    return this.change(tenant, ifMatch, async (row) => {
      if (row.isDefault) throw conflict('default_tenant', 'The tenant default cannot be suspended');
      if (row.suspendedAt) return;
      row.suspendedAt = this.clock.now();
      await this.recordHere('tenant.suspended', row);
    });
  }

  resume(tenant: Tenant, ifMatch?: number): Promise<Tenant> {
    return this.change(tenant, ifMatch, async (row) => {
      if (!row.suspendedAt) return;
      row.suspendedAt = null;
      await this.recordHere('tenant.resumed', row);
    });
  }

  /** Nobody is answered there from now on; tenant-deletion.ts removes what there is. There is no way back. */
  async delete(tenant: Tenant, ifMatch?: number): Promise<Tenant> {
    if (tenant.deletingAt) return tenant;
    return this.change(tenant, ifMatch, async (row) => {
      if (row.isDefault) throw conflict('default_tenant', 'The tenant default cannot be deleted');
      row.deletingAt = this.clock.now();
      await this.recordHere('tenant.deletion_started', row);
      await this.hooks.deleting(row);
    });
  }

  /** @param name slug or id. @throws AppError 404 */
  async find(name: string): Promise<Tenant> {
    const by = z.uuid().safeParse(name).success ? { id: name } : { slug: name };
    const tenant = await this.db.manager.findOneBy(Tenant, by);
    if (!tenant) throw notFound('tenant');
    return tenant;
  }

  /** Cached: what is handed out is not to be changed. */
  findById(id: string): Promise<Tenant | undefined> {
    return this.lookup.byId(id);
  }

  findBySlug(slug: string): Promise<Tenant | undefined> {
    return this.lookup.bySlug(slug);
  }

  findByHost(host: string): Promise<Tenant | undefined> {
    return this.lookup.byHost(host);
  }

  /** The tenant of the context. */
  async current(): Promise<Tenant> {
    const tenant = await this.findById(currentTenantId());
    if (!tenant) throw notFound('tenant');
    return tenant;
  }

  /** Without those that are being deleted. */
  list(): Promise<Tenant[]> {
    return this.db.manager.find(Tenant, { where: { deletingAt: IsNull() }, order: { slug: 'ASC' } });
  }

  issuerOf(tenant: Tenant): string {
    return tenant.issuer(this.places.issuer, this.places.domain);
  }

  /** Every process forgets what it knew of the tenant, once the surrounding transaction has committed. */
  published(tenant: Tenant): Promise<void> {
    return this.lookup.published(tenant);
  }

  secrets(tenant: Tenant): TenantSecrets {
    return openSecrets(this.sealer, tenant);
  }

  private build({ slug, name, host, settings }: z.output<typeof CreateTenant>): Tenant {
    this.hooks.maySet(settings);
    const [id, now] = [newId(), this.clock.now()];
    return Object.assign(new Tenant(), {
      id,
      slug,
      name,
      host: host ?? null,
      storedSettings: settings ?? {},
      secretsSealed: makeSecrets(this.sealer, id),
      createdAt: now,
      updatedAt: now,
    });
  }

  private change({ id }: Tenant, ifMatch: number | undefined, work: (row: Tenant) => Promise<void>): Promise<Tenant> {
    return this.db.transaction(async () => {
      const row = await this.db.manager
        .createQueryBuilder(Tenant, 'tenant')
        .where('tenant.id = :id', { id })
        .setLock('pessimistic_write')
        .getOne();
      if (!row) throw notFound('tenant');
      if (row.deletingAt) throw conflict('tenant_deleting', 'This tenant is being deleted');
      if (ifMatch !== undefined && ifMatch !== row.version) throw preconditionFailed('The tenant has changed since');
      const before = Object.assign(new Tenant(), row);
      await work(row);
      if (JSON.stringify(row) === JSON.stringify(before)) return row;
      row.version += 1;
      row.updatedAt = this.clock.now();
      await this.db.manager.save(row);
      await this.published(before);
      await this.published(row);
      return row;
    });
  }

  /** @throws AppError 422 */
  private assertOwnHost(host: string | null | undefined): void {
    const message = host && hostProblem(host, this.places);
    if (message) throw invalid('The host cannot be used', [{ pointer: '/host', message }]);
  }

  private async begun(tenant: Tenant): Promise<void> {
    await this.recordAs(tenant, () => this.audit.record('tenant.created', { tenant_id: tenant.id, slug: tenant.slug }));
    await this.published(tenant);
    await this.db.afterCommit(() => this.hooks.created(tenant));
  }

  /** RFC 8414 §2: no two issuers have one name. @throws AppError 422 where a slug below the domain is the installation, 409 where it is a host. */
  private async assertOwnName(tenant: Tenant): Promise<void> {
    const { issuer, domain } = this.places;
    if (!domain || tenant.host || tenant.isDefault) return;
    const { host } = new URL(this.issuerOf(tenant));
    if (host === new URL(issuer).host)
      throw invalid('The slug cannot be used', [{ pointer: '/slug', message: 'is the address of the installation' }]);
    if (await this.db.manager.existsBy(Tenant, { host }))
      throw conflict('host_taken', `Another tenant answers at ${host}`);
  }

  /** A tenant's own history holds its beginning, whoever made it. */
  private recordAs(tenant: Tenant, work: () => Promise<void>): Promise<void> {
    return withContext({ tenantId: tenant.id }, work);
  }

  /** In the history of the installation: that of the tenant is not to be read meanwhile, and ends with it. */
  private async recordHere(
    name: 'tenant.suspended' | 'tenant.resumed' | 'tenant.deletion_started',
    { id, slug }: Tenant,
  ): Promise<void> {
    const { id: tenantId } = await this.ensureDefault();
    await withContext({ tenantId }, () => this.audit.record(name, { tenant_id: id, slug }));
  }
}
