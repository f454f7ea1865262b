// Owns who speaks for an account beside its owner: the organization that has proved the domain of its address.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { Proof } from '../authentication/assurance.js';
import { organizationsOf, ownProofs } from '../authentication/own-proof.js';
import type { User } from '../users/user.entity.js';
import { domainOf } from './domain-name.js';

export class DomainAuthority {
  constructor(private readonly db: Database) {}

  /** Of what was proved, that which counts for what is the account's own: nobody is asked where no organization has a say in it. */
  async ownProofs({ emailNormalized }: Pick<User, 'emailNormalized'>, proofs: readonly Proof[]): Promise<Proof[]> {
    const organizations = organizationsOf(proofs);
    const domain = domainOf(emailNormalized);
    if (organizations.length === 0 || !domain) return ownProofs(proofs, new Set());
    const rows = await this.db.execute<{ id: string }>(SPEAKING, [currentTenantId(), organizations, domain]);
    return ownProofs(proofs, new Set(rows.map(({ id }) => id)));
  }
}

const SPEAKING = {
  name: 'domain_speaking',
  text: `
    SELECT organization_id AS id FROM organization_domains
     WHERE tenant_id = $1 AND organization_id = ANY ($2::uuid[]) AND domain = $3 AND verified_at IS NOT NULL`,
};
