// What becomes elsewhere of what happens in an organization: it stands below those who keep grants and tokens for it.

import type { Organization } from './organization.entity.js';

export interface OrganizationHooks {
  /** In the transaction in which somebody comes in without having been asked: what they were offered before ends. */
  memberAdded(organizationId: string, userId: string): Promise<void>;
  /** In the transaction in which somebody is suspended, removed or leaves: what was granted to them for this organization ends. */
  memberEnded(organizationId: string, userId: string): Promise<void>;
  /** In the transaction in which they are deleted, before anything else is held: what goes with them and is held before people and organizations. */
  organizationsEnding(organizationIds: readonly string[]): Promise<void>;
  /** In the transaction in which it is suspended or deleted: what was granted to anybody for it ends. */
  organizationEnded(organizationId: string): Promise<void>;
  /** In the transaction in which it is changed or deleted: as it was, and as it is. */
  organizationChanged(...organizations: readonly Pick<Organization, 'id' | 'slug'>[]): Promise<void>;
  /** In the transaction in which a custom role would go: to how many people it has been offered who have not answered yet. */
  offered(roleId: string): Promise<number>;
}
