import type { Database } from '../../platform/database.js';
import { conflict } from '../../platform/errors.js';
import { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { type Step, same } from './change.js';
import type { DeclaredTenant } from './declaration.schema.js';

/** @returns the tenant as it is, and what is to be done, if anything. Members the file does not say stay as they are. */
export async function tenantStep(
  { db, tenants }: { db: Database; tenants: TenantService },
  { slug, own }: DeclaredTenant,
): Promise<{ tenant: Tenant | undefined; step: Step | undefined }> {
  const tenant = (await db.manager.findOneBy(Tenant, { slug })) ?? undefined;
  if (!tenant) {
    const write = async () => {
      const { host, settings, name } = own ?? {};
      if (slug !== 'default') await tenants.create({ slug, name: name ?? slug, host, settings });
      else {
        const made = await tenants.ensureDefault();
        if (own) await tenants.update(made, { name, host, settings });
      }
      return undefined;
    };
    return { tenant, step: { action: 'create', changed: [], write } };
  }
  if (tenant.deletingAt)
    throw conflict('tenant_deleting', 'is being deleted; its slug is free again when that is done');
  if (!own) return { tenant, step: undefined };

  const changed: string[] = [];
  if (own.name !== tenant.name) changed.push('name');
  if (own.host !== undefined && own.host !== tenant.host) changed.push('host');
  // Against what is in force, so that a default that is written out is no difference.
  const { settings: inForce } = tenant;
  const settings = Object.entries(own.settings ?? {}).filter(
    ([name, value]) => !same(value, inForce[name as keyof typeof inForce]),
  );
  changed.push(...settings.map(([name]) => `settings.${name}`));
  if (changed.length === 0) return { tenant, step: undefined };
  const write = async () => {
    await tenants.update(tenant, {
      ...(changed.includes('name') ? { name: own.name } : {}),
      ...(changed.includes('host') ? { host: own.host } : {}),
      ...(settings.length > 0 ? { settings: Object.fromEntries(settings) } : {}),
    });
    return undefined;
  };
  return { tenant, step: { action: 'update', changed, write } };
}
