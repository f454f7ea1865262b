// Owns the link in a letter that says "this was not me"; Lockdown is what it does. Of it only whoever writes such a letter knows.
import type { OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';

export class LockdownLinks {
  /** @param linkOf where the page that accepts the token is. */
  constructor(
    private readonly tenants: TenantService,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly linkOf: (tenant: Tenant, token: string) => string,
  ) {}

  /** @returns the link: it is in the letter or nowhere. */
  async issue(user: User): Promise<string> {
    const token = await this.oneTimeTokens.issue('lockdown', user.id, { data: { email: user.emailNormalized } });
    return this.linkOf(await this.tenants.current(), token);
  }
}
