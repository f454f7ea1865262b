// How the signing keys of a tenant are, for whoever watches: the command line asks it of all tenants, the API of one.
import type { Clock } from '../../platform/clock.js';
import { withContext } from '../../platform/context.js';
import type { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { KeyService } from './key.service.js';

/** The job looks every few minutes; a day late is no accident. */
const LATE_MS = 24 * 3600 * 1000;

interface Asked {
  tenants: Pick<TenantService, 'secrets'>;
  keys: KeyService;
  clock: Clock;
}

/** @returns how many open, and whether they are older than the tenant says. @throws Error where they do not open. */
export async function keyState(
  { tenants, keys, clock }: Asked,
  tenant: Tenant,
): Promise<{ open: number; overdue: boolean }> {
  tenants.secrets(tenant);
  const { private: found } = await keys.signingKeys(tenant.id);
  const { rotation_days: days } = tenant.settings.signing_keys;
  const then = new Date(clock.now().getTime() - LATE_MS);
  const list = await withContext({ tenantId: tenant.id }, () => keys.list());
  return { open: found.length, overdue: list.some((key) => key.status === 'current' && key.isDue(days, then)) };
}
