// Beside the ladder's top: how a tenant and its organizations look.
import { Logos } from '../features/branding/logos.js';
import { OrganizationBranding } from '../features/branding/organization-branding.js';
import { TenantBranding } from '../features/branding/tenant-branding.js';
import type { Ground } from './ground.js';
import type { Organizations } from './organizations.js';

export type BrandingServices = ReturnType<typeof openBranding>;

export function openBranding({ db, audit, clock, tenants }: Ground, { organizations }: Organizations) {
  const logos = new Logos(db, clock);
  return {
    logos,
    tenantBranding: new TenantBranding(db, audit, clock, tenants, logos),
    organizationBranding: new OrganizationBranding(db, organizations, logos),
  };
}
