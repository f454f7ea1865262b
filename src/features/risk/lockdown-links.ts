// Owns the link in a letter that says "this was not me"; Lockdown is what it does. Of it only whoever writes such a letter knows.
import { newId } from '../../platform/crypto.js';
import { subjectOf } from '../one-time-tokens/one-time-purposes.js';
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

  /** @returns the link: it is in the letter or nowhere. Each letter has its own, which no later one ends. */
  issue(user: User): Promise<string> {
    return this.make(user, newId(), {});
  }

  /**
   * For whoever is signed in. @param isProved on a proof that is new: where it is not, an old session that somebody else got hold of would take
   * away what stands in their way.
   */
  issueIn(session: string, user: User, isProved: boolean): Promise<string> {
    return this.make(user, session, isProved ? {} : { keeps_factors: true });
  }

  private async make(user: User, where: string, more: { keeps_factors?: true }): Promise<string> {
    const data = { email: user.emailNormalized, ...more };
    const token = await this.oneTimeTokens.issue('lockdown', subjectOf(user.id, where), { data });
    return this.linkOf(await this.tenants.current(), token);
  }
}
