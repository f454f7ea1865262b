// How a tenant looks, changed by its administrators. What of it is in its settings is written, and recorded, by the tenants.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { notFound, preconditionFailed } from '../../platform/errors.js';
import { applyPatch } from '../../platform/merge-patch.js';
import type { AuditLog } from '../audit/audit.service.js';
import { assertReadable, Branding } from '../tenants/branding.js';
import { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { UpdateBranding } from './branding.schema.js';
import type { Logos } from './logos.js';

export class TenantBranding {
  constructor(
    private readonly db: Database,
    private readonly audit: Pick<AuditLog, 'record'>,
    private readonly clock: Clock,
    private readonly tenants: Pick<TenantService, 'update' | 'published'>,
    private readonly logos: Logos,
  ) {}

  /** As it is now, whatever is kept in memory. */
  async read(): Promise<Tenant> {
    const tenant = await this.db.manager.findOneBy(Tenant, { id: currentTenantId() });
    if (!tenant) throw notFound('tenant');
    return tenant;
  }

  /** @param ifMatch the version the caller saw (RFC 9110 §13.1.1). @throws AppError 422 for colours that cannot be read. */
  replace(branding: Branding, ifMatch?: number): Promise<Tenant> {
    return this.change(async (tenant) => this.store(tenant, branding, ifMatch));
  }

  /** RFC 7396. */
  update(patch: UpdateBranding, ifMatch?: number): Promise<Tenant> {
    return this.change(async (tenant) => {
      const branding = Branding.parse(applyPatch(tenant.settings.branding, patch));
      return this.store(tenant, branding, ifMatch);
    });
  }

  /** @throws AppError 422 for what is no picture. */
  putLogo(image: Buffer, ifMatch?: number): Promise<Tenant> {
    return this.change(async (tenant) => {
      assertVersion(tenant, ifMatch);
      const logo = await this.logos.put(null, image);
      if (logo === tenant.logo) return tenant;
      await this.audit.record('branding.logo_replaced', { logo });
      return this.wear(tenant, logo);
    });
  }

  removeLogo(ifMatch?: number): Promise<Tenant> {
    return this.change(async (tenant) => {
      assertVersion(tenant, ifMatch);
      if (!tenant.logo) return tenant;
      await this.logos.remove(null);
      await this.audit.record('branding.logo_removed', {});
      return this.wear(tenant, null);
    });
  }

  private store(tenant: Tenant, branding: Branding, ifMatch: number | undefined): Promise<Tenant> {
    assertReadable(branding, '');
    const given = Object.keys(branding).length > 0 ? branding : null;
    return this.tenants.update(tenant, { settings: { branding: given } }, ifMatch);
  }

  private async wear(tenant: Tenant, logo: string | null): Promise<Tenant> {
    const worn = Object.assign(tenant, { logo, version: tenant.version + 1, updatedAt: this.clock.now() });
    await this.db.manager.save(worn);
    await this.tenants.published(worn);
    return worn;
  }

  /** One change after the other: of two who each change something neither is lost. */
  private change(work: (tenant: Tenant) => Promise<Tenant>): Promise<Tenant> {
    return this.db.transaction(async () => {
      const tenants = this.db.manager
        .createQueryBuilder(Tenant, 'tenant')
        .where('tenant.id = :id', { id: currentTenantId() });
      const tenant = await tenants.setLock('pessimistic_write').getOne();
      if (!tenant) throw notFound('tenant');
      return work(tenant);
    });
  }
}

function assertVersion({ version }: Tenant, ifMatch: number | undefined): void {
  if (ifMatch !== undefined && ifMatch !== version) throw preconditionFailed('The tenant has changed since');
}
