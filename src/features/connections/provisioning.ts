// Owns who comes in by an identity provider: whose account it is, whether one is made, and what they are then; all of it in one transaction. Who it is
// says linking.ts, what it makes of them provisioning-rules.ts. Hands off to: the ordinary verbs of users and members, Recorder for what became of it.
import { lifetimes } from '../../../config/protocol.js';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { databaseError } from '../../platform/database-errors.js';
import { AppError, badRequest, conflict } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import { holdPeople } from '../users/user-rows.js';
import type { Connection } from './connection.entity.js';
import { heldConnection } from './connection-rows.js';
import type { Held } from './federated-sign-in.js';
import { CLOSE, FINISH } from './federated-sign-in-rows.js';
import { refusedWith } from './federated-sign-ins.js';
import type { Identities } from './identities.js';
import type { Identity } from './identity.entity.js';
import { type Linking, linking } from './linking.js';
import type { Newcomers } from './newcomers.js';
import type { ProvisionedMembership } from './provisioned-membership.js';
import type { Recorder } from './recorder.js';
import type { Situations, Stands, Whose } from './situations.js';

/** `trace`: what the page of a refusal calls it. */
export type Decision = Linking & { trace: string };

export interface Completed {
  user: User;
  identity: Identity;
  created: boolean;
  /** It was not theirs before. */
  linked: boolean;
}

export interface ProvisioningHooks {
  /** The address is the person's. @param by `registrant`: whoever made the account has proved it. @returns the account, without what a stranger put into it. */
  proved(user: User, by: 'registrant' | 'mailbox'): Promise<User>;
  /** Somebody comes in by it from now on whose account was there before. */
  linked(user: User, connection: Connection): Promise<void>;
  /** An account was made whose address nobody has proved. @param flow of the sign-in in which it was. */
  unproved(userId: string, flow: string): Promise<void>;
}

export class Provisioning {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly users: UserService,
    private readonly identities: Identities,
    private readonly situations: Situations,
    private readonly membership: ProvisionedMembership,
    private readonly recorder: Recorder,
    private readonly newcomers: Newcomers,
    private readonly hooks: ProvisioningHooks,
  ) {}

  /**
   * What would become of it now. A refusal ends it, and is recorded once; so is the end of a test.
   * @throws AppError 429 where the connection has brought too many people whom nobody knows.
   */
  async decide(held: Held, whose: Whose = {}): Promise<Decision> {
    const stands = await this.situations.of(held, whose);
    const decision = linking(stands.situation);
    await this.newcomers.count(decision, held, stands);
    if (decision.kind === 'refused') await this.refused(held, stands, decision);
    else if (held.asked.purpose === 'test') await this.tried(held, stands, decision);
    return { ...decision, trace: held.trace };
  }

  /**
   * Somebody comes in: once, and as everything is now. In a transaction of its own: what is refused is taken back, and is recorded all the same.
   * @param stands asked last, of who asks in their own account: throws where they are not there any more.
   * @throws AppError 400 where it was refused, or has been used, 409 `proof_needed` where an account has to be proved first.
   */
  async complete(held: Held, whose: Whose = {}, stands?: () => Promise<void>): Promise<Completed> {
    if (this.db.inTransaction) throw new Error('what is refused is recorded after its transaction');
    if (held.asked.purpose === 'test') throw badRequest('test_only', 'This was a test: nobody is signed in by it');
    for (let tries = 1; ; tries += 1) {
      try {
        return await withContext({ actor: { type: 'system', id: `connection:${held.connection.id}` } }, () =>
          this.db.transaction(async () => {
            const completed = await this.completeOnce(held, whose);
            await stands?.();
            return completed;
          }),
        );
      } catch (error) {
        if (error instanceof Refusal) return this.throwRefused(held, error);
        // Of two at once one has made what the other goes on with.
        if (tries < 3 && (error instanceof Moved || databaseError(error)?.status === 409)) continue;
        if (error instanceof AppError && error.status === 409 && error.code === 'too_many_permissions')
          return this.throwRefused(
            held,
            new Refusal(await this.situations.of(held, whose), { kind: 'refused', reason: error.code }),
          );
        throw error;
      }
    }
  }

  private async completeOnce(held: Held, whose: Whose): Promise<Completed> {
    const connection = await heldConnection(this.db, held.connection.id);
    const now = this.clock.now();
    const kept = new Date(now.getTime() + lifetimes.interaction * 1000);
    const finished = await this.db.execute(FINISH, [currentTenantId(), now, held.id, kept]);
    if (!connection || finished.length === 0)
      throw badRequest('invalid_handle', 'This sign-in does not go on. Please start again');
    const before = await this.situations.of(held, whose);
    await holdPeople(this.db, before.people);
    const stands = await this.situations.of({ ...held, connection }, whose);
    if (stands.people.some((id) => !before.people.includes(id))) throw new Moved();
    const decision = linking(stands.situation);
    if (decision.kind === 'refused') throw new Refusal(stands, decision);
    if (decision.kind === 'prove')
      throw conflict('proof_needed', 'There is an account with this address: sign in to it once, to connect the two');
    return this.comeIn({ ...held, connection }, stands, decision, whose);
  }

  private async comeIn(held: Held, stands: Stands, decision: Coming, whose: Whose): Promise<Completed> {
    const { connection } = held;
    const { mapped } = stands;
    if (decision.kind !== 'known') await this.membership.hold(connection);
    const user = await this.person(stands, decision, whose.flow ?? held.id);
    const before = stands.identity;
    const isProved = stands.situation.proved?.id === user.id;
    const byDomain =
      !isProved && (decision.kind === 'link' || (decision.kind === 'take_over' && connection.organizationId !== null));
    const by = held.asked.purpose === 'link' ? 'owner' : byDomain ? 'domain' : 'sign_in';
    const identity = before ?? (await this.identities.add(connection, held.identity.subject, user, by));
    const created = decision.kind === 'create';
    if (!before && !created) await this.hooks.linked(user, connection);
    const follows = !before || connection.settings.provisioning.sync;
    const isTheirs = stands.speaksFor(user) || identity.madeAccount;
    const changed = await this.claims(user, stands, follows && isTheirs && !created);
    const { given, change } = follows
      ? await this.membership.follow(connection, user.id, mapped.groups, identity.given)
      : { given: identity.given, change: undefined };
    // Whoever has proved the account themselves is known by that from now on.
    const rests = {
      madeAccount: created || (identity.madeAccount && !isProved),
      byDomain: identity.byDomain && !isProved,
    };
    await this.identities.used(identity, held.identity, { given, ...rests });
    if (created || !before || changed || change)
      await this.audit.record('user.provisioned', {
        ...{ identity_id: identity.id, connection_id: connection.id, user_id: user.id, created },
        changed: [...(changed ? ['claims'] : []), ...(change ? ['membership'] : [])],
      });
    await this.recorder.became(held, {
      mapping: mapped,
      decision: { kind: decision.kind },
      result: { user_id: user.id, created, ...(change ? { membership: change } : {}) },
      userId: user.id,
    });
    return {
      user: changed ?? user,
      identity: { ...identity, given, ...rests } as Identity,
      created,
      linked: !before,
    };
  }

  /** Whose account it is: as it is now, held. */
  private async person({ mapped, identity, user }: Stands, decision: Coming, flow: string): Promise<User> {
    if (decision.kind === 'create') {
      const { email = '', emailVerified, claims } = mapped;
      const made = await this.users.create({ email, email_verified: emailVerified, claims });
      if (!emailVerified) await this.hooks.unproved(made.id, flow);
      return made;
    }
    const theirs = user(decision.userId);
    if (decision.kind === 'take_over') return this.hooks.proved(theirs, 'mailbox');
    // Whoever made the account by this connection has come back with an address that is proved now.
    const proves = decision.kind === 'known' && identity?.madeAccount && mapped.emailVerified && !theirs.emailVerified;
    if (proves && mapped.emailNormalized === theirs.emailNormalized) return this.hooks.proved(theirs, 'registrant');
    return theirs;
  }

  /** @returns the person, where something is another now. The address stays: somebody may have it by another proof. */
  private async claims(user: User, { mapped: { claims } }: Stands, follows: boolean): Promise<User | undefined> {
    const differs = Object.entries(claims).some(([name, value]) => user.claims[name as keyof typeof claims] !== value);
    return follows && differs ? this.users.update(user, { claims }, undefined, 'owner') : undefined;
  }

  private async refused(held: Held, stands: Stands, decision: Refusing): Promise<void> {
    await withContext({ actor: { type: 'system', id: `connection:${held.connection.id}` } }, () =>
      this.db.transaction(async () => {
        const closed = await this.db.execute(CLOSE, [currentTenantId(), held.id]);
        if (closed.length === 0) return;
        const { reason, userId } = decision;
        // A test takes nothing from anybody.
        if (reason === 'group_required' && held.asked.purpose !== 'test') await this.lapse(held.connection, stands);
        await this.recorder.became(held, {
          mapping: stands.mapped,
          decision: { kind: 'refused', reason },
          reason,
          userId,
        });
      }),
    );
  }

  /** Who was let in by a group, and is in none any more. */
  private async lapse(connection: Connection, { identity }: Stands): Promise<void> {
    if (!identity) return;
    await holdPeople(this.db, [identity.userId]);
    const given = await this.membership.lapse(connection, identity.userId, identity.given);
    await this.identities.lapsed(identity, given);
  }

  private async tried(held: Held, { mapped }: Stands, decision: Linking): Promise<void> {
    await this.db.transaction(async () => {
      const closed = await this.db.execute(CLOSE, [currentTenantId(), held.id]);
      if (closed.length > 0) await this.recorder.became(held, { mapping: mapped, decision: { kind: decision.kind } });
    });
  }

  private async throwRefused(held: Held, { stands, decision }: Refusal): Promise<never> {
    await this.refused(held, stands, decision);
    throw refusedWith(held.trace);
  }
}

type Coming = Extract<Linking, { kind: 'known' | 'create' | 'take_over' | 'link' }>;
type Refusing = { kind: 'refused'; reason: string; userId?: string };

/** Takes back what the transaction has done; what is to be said of it is said afterwards. */
class Refusal extends Error {
  constructor(
    readonly stands: Stands,
    readonly decision: Refusing,
  ) {
    super(decision.reason);
  }
}

/** Somebody else is meant by now. */
class Moved extends Error {}
