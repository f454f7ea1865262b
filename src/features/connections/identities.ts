// Owns who is who: as whom an identity provider speaks of a person of ours, and how that is taken back. Whoever is spoken of is found by connection and
// subject alone. Hands off to: UpstreamSessions, which end with an identity.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId, type Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, notFound } from '../../platform/errors.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import { lockedUser } from '../users/user-rows.js';
import type { Connection } from './connection.entity.js';
import { heldConnection } from './connection-rows.js';
import { type Given, Identity } from './identity.entity.js';
import { identitiesOf, type NamedIdentity } from './identity.queries.js';
import type { UpstreamIdentity } from './upstream-identity.js';
import type { UpstreamSessions } from './upstream-sessions.js';

export type Linked = 'sign_in' | 'domain' | 'owner' | 'administrator';
export type Unlinked = 'owner' | 'administrator' | 'disowned' | 'privileged' | 'locked_down';

export interface IdentityHooks {
  /** Whether they come in without any identity. */
  hasAnotherWay(user: User): Promise<boolean>;
  /** The owner has let it go. */
  unlinked(user: User, identity: Identity): Promise<void>;
}

export class Identities {
  constructor(
    private readonly db: Database,
    private readonly sealer: Sealer,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly users: Pick<UserService, 'assertMayChange'>,
    private readonly upstreamSessions: Pick<UpstreamSessions, 'endOf'>,
    private readonly hooks: IdentityHooks,
  ) {}

  async of({ id: userId }: Pick<User, 'id'>): Promise<Identity[]> {
    return this.db.repo(Identity).find({ where: { userId }, order: { createdAt: 'ASC', id: 'ASC' } });
  }

  /** @throws AppError 404 for one of somebody else as for none. */
  async find({ id: userId }: Pick<User, 'id'>, id: string): Promise<Identity> {
    const identity = await this.db.repo(Identity).findOneBy({ userId, id });
    if (!identity) throw notFound('identity');
    return identity;
  }

  /** As find, with the name of its connection. */
  async named({ id: userId }: Pick<User, 'id'>, id: string): Promise<NamedIdentity> {
    const identity = (await identitiesOf(this.db, userId)).find((one) => one.id === id);
    if (!identity) throw notFound('identity');
    return identity;
  }

  /** Whether somebody is known by this connection. */
  areOf(connectionId: string): Promise<boolean> {
    return this.db.repo(Identity).existsBy({ connectionId });
  }

  /** How many are. */
  countOf(connectionId: string): Promise<number> {
    return this.db.repo(Identity).countBy({ connectionId });
  }

  /**
   * By an administrator, before the person has ever come that way: the identity provider speaks for them from then on, which is as good as a password.
   * @throws AppError 404, 403 for a person with a role where whoever asks may not give roles; QueryFailedError on a subject that is somebody already,
   * answered as 409.
   */
  link({ id: userId }: Pick<User, 'id'>, connectionId: string, subject: string): Promise<Identity> {
    return this.db.transaction(async () => {
      const connection = await heldConnection(this.db, connectionId);
      if (!connection) throw notFound('connection');
      const user = await lockedUser(this.db, userId);
      if (!user) throw notFound('user');
      this.users.assertMayChange(user);
      return this.add(connection, subject, user, 'administrator');
    });
  }

  /** In the transaction of whoever holds the person and the connection. */
  async add({ id: connectionId }: Connection, subject: string, { id: userId }: User, by: Linked): Promise<Identity> {
    const identity = Object.assign(new Identity(), {
      ...{ connectionId, subject, userId },
      id: newId(),
      byDomain: by === 'domain',
      createdAt: this.clock.now(),
    });
    await this.db.repo(Identity).insert(identity);
    await this.audit.record('identity.linked', { ...namesOf(identity), by });
    return identity;
  }

  /** Somebody came in by it. */
  async used(
    { connectionId, subject, id }: Identity,
    { tokens }: UpstreamIdentity,
    { given, madeAccount, byDomain }: Pick<Identity, 'given' | 'madeAccount' | 'byDomain'>,
  ): Promise<void> {
    const context = sealContext(currentTenantId(), id);
    await this.db.repo(Identity).update(
      { connectionId, subject },
      {
        given: given as object,
        madeAccount,
        byDomain,
        tokensSealed: tokens ? this.sealer.seal(JSON.stringify(tokens), context) : null,
        lastUsedAt: this.clock.now(),
      },
    );
  }

  /** What the connection has taken away from somebody whom it lets in no more. */
  async lapsed({ connectionId, subject }: Identity, given: Given): Promise<void> {
    await this.db.repo(Identity).update({ connectionId, subject }, { given: given as object });
  }

  /** What the identity provider has given us for them. */
  tokensOf({ id, tokensSealed }: Identity): UpstreamIdentity['tokens'] {
    if (!tokensSealed) return undefined;
    return JSON.parse(this.sealer.open(tokensSealed, sealContext(currentTenantId(), id))) as object;
  }

  /**
   * Sessions that stand on it end, but one where asked.
   * @throws AppError 409 `last_way_in` where its owner would not come in any more, 403 for a person with a role where whoever asks may not give roles.
   */
  unlink(
    { id: userId }: Pick<User, 'id'>,
    id: string,
    by: Extract<Unlinked, 'owner' | 'administrator'>,
    exceptSession?: string,
  ): Promise<void> {
    return this.db.transaction(async () => {
      const user = await lockedUser(this.db, userId);
      if (!user) throw notFound('user');
      if (by === 'administrator') this.users.assertMayChange(user);
      const identity = await this.find(user, id);
      if (by === 'owner' && (await this.isLastWayIn(user, identity)))
        throw conflict('last_way_in', 'This is the only way into the account: add another one first');
      await this.take(identity, by, exceptSession);
      if (by === 'owner') await this.hooks.unlinked(user, identity);
    });
  }

  /** In the transaction in which the account turns out to be somebody else's, or gets a role: the person is held. */
  async unlinkAll(userId: string, by: Extract<Unlinked, 'disowned' | 'privileged'>): Promise<void> {
    for (const identity of await this.of({ id: userId })) await this.take(identity, by);
  }

  /**
   * In the transaction in which it turns out that somebody else may have been in the account since: the person is held. By whose word the account was
   * made, stays.
   */
  async unlinkAddedSince(userId: string, since: Date): Promise<void> {
    for (const identity of await this.of({ id: userId }))
      if (identity.createdAt >= since && !identity.madeAccount) await this.take(identity, 'locked_down');
  }

  private async take(identity: Identity, by: Unlinked, exceptSession?: string): Promise<void> {
    const { connectionId, subject, userId } = identity;
    if ((await this.db.repo(Identity).delete({ connectionId, subject })) === 0) return;
    await this.upstreamSessions.endOf(connectionId, userId, exceptSession);
    await this.audit.record('identity.unlinked', { ...namesOf(identity), by });
  }

  private async isLastWayIn(user: User, { id }: Identity): Promise<boolean> {
    const others = await this.db.execute(OTHERS, [currentTenantId(), user.id, id]);
    return others.length === 0 && !(await this.hooks.hasAnotherWay(user));
  }
}

const namesOf = ({ id, connectionId, userId }: Identity) => ({
  identity_id: id,
  connection_id: connectionId,
  user_id: userId,
});

/** Those by which somebody comes in now. */
const OTHERS = {
  name: 'identities_others',
  text: `
    SELECT 1 FROM identities i
      JOIN connections c ON c.tenant_id = i.tenant_id AND c.id = i.connection_id AND c.enabled_at IS NOT NULL
      LEFT JOIN organizations o ON o.tenant_id = c.tenant_id AND o.id = c.organization_id
     WHERE i.tenant_id = $1 AND i.user_id = $2 AND i.id <> $3 AND o.suspended_at IS NULL LIMIT 1`,
};

const sealContext = (tenantId: string, id: string) => `identities:${tenantId}:${id}:tokens`;

export const sealedIdentities: SealedColumn = {
  table: 'identities',
  column: 'tokens_sealed',
  key: ['tenant_id', 'connection_id', 'subject'],
  also: ['id'],
  context: ({ tenant_id, id }) => sealContext(String(tenant_id), String(id)),
};
