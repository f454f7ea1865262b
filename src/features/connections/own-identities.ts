// Owns what somebody does themselves about the identity providers they come in by: which they may connect, connecting, letting go.
// Hands off to: Provisioning and Identities, which do it; the letter that tells the owner comes from there.
import type { Database } from '../../platform/database.js';
import { badRequest } from '../../platform/errors.js';
import { membershipsOf } from '../organizations/membership.queries.js';
import type { User } from '../users/user.entity.js';
import { Connection } from './connection.entity.js';
import type { Held } from './federated-sign-in.js';
import type { HomeRealms } from './home-realm.js';
import type { Identities } from './identities.js';
import type { OrganizationRealms } from './organization-realms.js';
import type { Decision, Provisioning } from './provisioning.js';

export interface OwnIdentity {
  id: string;
  name: string;
  since: Date;
  lastUsedAt: Date | null;
  /** Nobody comes in by it now. */
  disabled: boolean;
}

export class OwnIdentities {
  constructor(
    private readonly db: Database,
    private readonly identities: Pick<Identities, 'of' | 'unlink'>,
    private readonly provisioning: Pick<Provisioning, 'decide' | 'complete'>,
    private readonly homeRealms: Pick<HomeRealms, 'buttons'>,
    private readonly organizationRealms: Pick<OrganizationRealms, 'of'>,
  ) {}

  async of(user: Pick<User, 'id'>): Promise<OwnIdentity[]> {
    const found = await this.identities.of(user);
    return Promise.all(
      found.map(async ({ id, connectionId, createdAt, lastUsedAt }) => {
        const connection = await this.db.repo(Connection).findOneBy({ id: connectionId });
        const name = connection?.displayName ?? '';
        return { id, name, since: createdAt, lastUsedAt, disabled: !connection?.enabled };
      }),
    );
  }

  /** What everybody sees on the sign-in page, and that of the organizations they belong to; without those they come in by already. */
  async connectable(user: Pick<User, 'id'>): Promise<Connection[]> {
    const has = new Set((await this.identities.of(user)).map(({ connectionId }) => connectionId));
    const memberships = await membershipsOf(this.db, user.id);
    const theirs = await Promise.all(
      memberships.map(({ organization }) => this.organizationRealms.of(organization.id)),
    );
    const all = [...(await this.homeRealms.buttons()), ...theirs.filter((one) => one !== undefined)];
    return all.filter(({ id }) => !has.has(id));
  }

  /**
   * The identity provider has shown who it is, in the session that asked.
   * @param stands whether that session goes on. @returns why it is refused, where it is.
   */
  async connect(
    held: Held,
    user: User,
    stands: () => Promise<boolean>,
  ): Promise<Extract<Decision, { kind: 'refused' }> | undefined> {
    if (held.asked.purpose !== 'link')
      throw badRequest('invalid_handle', 'This sign-in does not go on. Please start again');
    const whose = { proved: user.id };
    const decision = await this.provisioning.decide(held, whose);
    if (decision.kind === 'refused') return decision;
    // In this order, as everybody holds them: the connection, the person, the session.
    await this.provisioning.complete(held, whose, async () => {
      if (!(await stands())) throw badRequest('interaction_expired', 'The session has ended');
    });
    return undefined;
  }

  /** @throws AppError 404, 409 `last_way_in`. */
  disconnect(user: User, id: string, session: string): Promise<void> {
    return this.identities.unlink(user, id, 'owner', session);
  }
}
