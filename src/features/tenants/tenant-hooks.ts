// What becomes elsewhere of what happens to a tenant: everything stands above it.
import type { z } from 'zod';
import type { Tenant } from './tenant.entity.js';
import type { UpdateTenant } from './tenant.schema.js';

export interface TenantHooks {
  /** After the commit: what takes long and is wanted before the first request, as signing keys. Where it fails, that request does it. */
  created(tenant: Tenant): Promise<void>;
  /** In the transaction that begins the deletion: enqueues the rest of it. */
  deleting(tenant: Tenant): Promise<void>;
  /** In the transaction in which a tenant gets its settings; nothing before where it is made with them. */
  decided(tenant: Tenant, before: Tenant | undefined): Promise<void>;
  /** @throws AppError 422 for what no tenant may be set to. */
  maySet(settings: z.output<typeof UpdateTenant>['settings']): void;
  /** Whether whoever asks operates the installation. */
  operates(): boolean;
}

export const noTenantHooks: TenantHooks = {
  created: async () => {},
  deleting: async () => {},
  decided: async () => {},
  maySet: () => {},
  operates: () => true,
};
