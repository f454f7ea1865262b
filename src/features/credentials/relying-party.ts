// Who asks for passkeys here (WebAuthn §4, Relying Party Identifier), made of the tenant's issuer. Tenants on paths of one host share it.
import type { TenantService } from '../tenants/tenant.service.js';

export interface RelyingParty {
  id: string;
  origin: string;
  name: string;
}

export async function relyingPartyOf(tenants: TenantService): Promise<RelyingParty> {
  const tenant = await tenants.current();
  const { hostname, origin } = new URL(tenants.issuerOf(tenant));
  return { id: hostname, origin, name: tenant.displayName };
}
