// Owns the people of a tenant: their address, claims and roles, and whether they may come in.
// Hands off to: credentials (how they prove who they are); whoever keeps what rests on an account, through user-hooks.ts.
import type { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, forbidden, notFound, preconditionFailed } from '../../platform/errors.js';
import { applyPatch } from '../../platform/merge-patch.js';
import type { AuditLog } from '../audit/audit.service.js';
import { ownerOf } from '../one-time-tokens/one-time-purposes.js';
import { AccountSettings } from './account-settings.js';
import { type BecomeRoles, changeOfRoles, recordRoles } from './held-roles.js';
import { identifierOf, normalizeIdentifier } from './identifier.js';
import { ADMIN, User } from './user.entity.js';
import { CreateUser, StandardClaims, type UpdateUser } from './user.schema.js';
import { noHooks, type UserHooks } from './user-hooks.js';
import { hasEndedSince, holdUser, isLastAdministrator, lockedUser } from './user-rows.js';

export class UserService {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly hooks: UserHooks = noHooks,
  ) {}

  async find(id: string): Promise<User> {
    const user = await this.db.repo(User).findOneBy({ id });
    if (!user) throw notFound('user');
    return user;
  }

  /** Whoever may come in; undefined for a disabled or closed user as for none. */
  async findActive(id: string): Promise<User | undefined> {
    const user = await this.db.repo(User).findOneBy({ id });
    return user?.active ? user : undefined;
  }

  /** Whose token it is, as long as they may come in and the address that it was sent to is theirs. */
  async holderOf({ subject, data }: { subject: string; data: { email: string } }): Promise<User | undefined> {
    const owner = ownerOf(subject);
    // What was issued for an address without an account is nobody's.
    const user = /^[0-9a-f-]{36}$/.test(owner) ? await this.findActive(owner) : undefined;
    return user?.emailNormalized === data.email ? user : undefined;
  }

  /** Whether all sessions of theirs were ended since: what was proved before begins none. @param at NumericDate, in whole seconds. */
  isOutdated(id: string, at: number): Promise<boolean> {
    return hasEndedSince(this.db, id, at);
  }

  /**
   * In the transaction of a change: whoever ends all sessions of this person waits for it, or was first.
   * @param provedAt NumericDate. @returns false where they may not come in, or what was proved then begins nothing any more.
   */
  hold({ id }: Pick<User, 'id'>, provedAt?: number): Promise<boolean> {
    return holdUser(this.db, id, provedAt);
  }

  /** What was typed is normalised as it was when it was stored. */
  async findByEmail(identifier: string): Promise<User | undefined> {
    // The statement is made even for what no identifier may hold, so that the answer takes as long.
    const emailNormalized = normalizeIdentifier(identifier) ?? '';
    return this.db.repo(User).findOneAlike('emailNormalized', emailNormalized);
  }

  /** @throws QueryFailedError on an address that is taken, answered as 409; AppError as changeRoles. */
  create(input: CreateUser, roles: string[] = []): Promise<User> {
    const { email, email_verified, claims } = CreateUser.parse(input);
    const now = this.clock.now();
    return this.db.transaction(async () => {
      if (roles.length > 0) await this.hooks.assigning([], roles);
      const user = await this.db.repo(User).insert(
        Object.assign(new User(), {
          id: newId(),
          email,
          emailNormalized: identifierOf(email),
          emailVerified: email_verified,
          claims,
          roles: [...new Set(roles)],
          createdAt: now,
          updatedAt: now,
        }),
      );
      await this.audit.record('user.created', { user_id: user.id });
      await recordRoles(this.audit, { before: [], after: user.roles }, { user_id: user.id });
      await this.hooks.created(user);
      if (user.emailVerified) await this.hooks.proved(user);
      return user;
    });
  }

  /**
   * Another address is unverified until it is said to be verified.
   * @param ifMatch the version the caller saw (RFC 9110 §13.1.1). @param by whose word it is.
   */
  update(
    { id }: User,
    change: UpdateUser,
    ifMatch?: number,
    by: 'owner' | 'administrator' = 'administrator',
  ): Promise<User> {
    return this.change(id, ifMatch, async (user) => {
      const proved = user.emailVerified ? user.emailNormalized : undefined;
      if (change.email !== undefined && change.email !== user.email) {
        const emailNormalized = identifierOf(change.email);
        const from = user.emailNormalized;
        const moved = emailNormalized !== from;
        if (moved) user.emailVerified = false;
        Object.assign(user, { email: change.email, emailNormalized });
        if (moved && by === 'administrator') await this.hooks.moved(user, from);
      }
      if (change.email_verified !== undefined) user.emailVerified = change.email_verified;
      if (change.email_verified && by === 'administrator') await this.hooks.verified(user);
      if (change.claims) user.claims = StandardClaims.parse(applyPatch(user.claims, change.claims));
      await this.audit.record('user.updated', { user_id: id, changed: Object.keys(change) });
      if (user.emailVerified && user.emailNormalized !== proved) await this.hooks.proved(user);
    });
  }

  setRoles(user: User, roles: readonly string[], ifMatch?: number): Promise<User> {
    return this.changeRoles(user, () => roles, ifMatch);
  }

  /** What a token of theirs opens changes at once. @throws AppError 409 for the last administrator. */
  changeRoles({ id }: User, become: BecomeRoles, ifMatch?: number): Promise<User> {
    return this.change(id, ifMatch, async (user) => {
      const { before, after } = changeOfRoles(user.roles, become);
      if (!after.includes(ADMIN)) await this.assertNotLast(user);
      await this.hooks.assigning(before, after);
      if (before.length === 0 && after.length > 0) await this.hooks.privileged(user);
      user.roles = after;
      await recordRoles(this.audit, { before, after }, { user_id: id });
    });
  }

  /** The next use of a cookie or token of theirs fails. @throws AppError 409 for the last administrator. */
  disable({ id }: User): Promise<User> {
    return this.change(id, undefined, async (user) => {
      if (user.disabledAt) return;
      await this.assertNotLast(user);
      user.disabledAt = this.clock.now();
      await this.hooks.ended(user);
      await this.audit.record('user.disabled', { user_id: id });
    });
  }

  enable({ id }: User): Promise<User> {
    return this.change(id, undefined, async (user) => {
      if (!user.disabledAt) return;
      user.disabledAt = null;
      await this.audit.record('user.enabled', { user_id: id });
    });
  }

  /** As disabled until then, by the person's own word; whoever does the deletion comes at that time. @throws AppError 409 for whom others need. */
  close({ id }: User, deletionAt: Date): Promise<User> {
    return this.change(id, undefined, async (user) => {
      await this.assertNotLast(user);
      await this.hooks.closing(user);
      user.deletionAt = deletionAt;
      await this.hooks.ended(user);
      await this.audit.record('account.deletion_requested', { user_id: id, until: deletionAt.toISOString() });
    });
  }

  /** What ended when it was closed stays ended. @param by whose word it is. */
  reopen({ id }: User, ifMatch?: number, by: 'owner' | 'administrator' = 'administrator'): Promise<User> {
    return this.change(id, ifMatch, async (user) => {
      if (!user.deletionAt) return;
      user.deletionAt = null;
      if (by === 'administrator') await this.hooks.kept(user);
      await this.audit.record('account.deletion_withdrawn', { user_id: id });
    });
  }

  /** @param stands whether the session that asks still holds: letters that were just turned on again stay on. @throws AppError 403 */
  changeSettings({ id }: User, settings: AccountSettings, stands = async () => true): Promise<User> {
    return this.change(id, undefined, async (user) => {
      if (!(await stands())) throw forbidden('session_ended', 'You were signed out meanwhile');
      const changed = JSON.stringify(AccountSettings.parse(user.settings)) !== JSON.stringify(settings);
      user.settings = settings;
      if (changed) await this.audit.record('user.updated', { user_id: id, changed: ['settings'] });
    });
  }

  /** Whoever was in the account may have chosen not to be noticed. */
  resetSettings({ id }: User): Promise<User> {
    return this.change(id, undefined, async (user) => {
      if (Object.keys(user.settings).length === 0) return;
      user.settings = {};
      await this.audit.record('user.updated', { user_id: id, changed: ['settings'] });
    });
  }

  /** What was written into the account by somebody whose it was not. */
  empty({ id }: User): Promise<User> {
    return this.change(id, undefined, async (user) => {
      Object.assign(user, { claims: {}, settings: {} });
      await this.audit.record('user.updated', { user_id: id, changed: ['claims', 'settings'] });
    });
  }

  /** Nothing of the person stays but the id in the audit log. */
  delete({ id }: Pick<User, 'id'>, ifMatch?: number): Promise<void> {
    return this.db.transaction(async () => {
      await this.hooks.erasing(id);
      const user = await this.locked(id, ifMatch);
      await this.assertNotLast(user);
      await this.hooks.ended(user);
      await this.hooks.erased(user);
      await this.db.repo(User).delete({ id });
      await this.audit.record('user.deleted', { user_id: id });
    });
  }

  /** The end of a sign-in, with all its factors (amr: RFC 8176). */
  signedIn({ id }: User, { amr, clientId }: { amr: string[]; clientId?: string }): Promise<void> {
    return this.db.transaction(async () => {
      await this.db.repo(User).update({ id }, { lastLoginAt: this.clock.now() });
      await this.audit.record('sign_in.succeeded', { user_id: id, amr, client_id: clientId ?? null });
    });
  }

  /** A new address, or a password that may be guessed again, is as good as the account. @throws AppError 403 */
  assertMayChange({ roles }: User): void {
    if (roles.length > 0) this.hooks.mayChangePrivileged(roles);
  }

  private change(id: string, ifMatch: number | undefined, work: (user: User) => Promise<void>): Promise<User> {
    return this.db.transaction(async () => {
      const user = await this.locked(id, ifMatch);
      const before = JSON.stringify(user);
      await work(user);
      if (JSON.stringify(user) === before) return user;
      user.version += 1;
      user.updatedAt = this.clock.now();
      return this.db.repo(User).save(user);
    });
  }

  private async locked(id: string, ifMatch?: number): Promise<User> {
    const user = await lockedUser(this.db, id);
    if (!user) throw notFound('user');
    if (ifMatch !== undefined && ifMatch !== user.version) throw preconditionFailed('The user has changed since');
    this.assertMayChange(user);
    return user;
  }

  /** Without anybody the setup link would make the next one. @throws AppError 409 */
  private async assertNotLast(user: User): Promise<void> {
    if (!(await isLastAdministrator(this.db, user))) return;
    throw conflict('last_administrator', 'Somebody must administer this tenant: give another user the role first');
  }
}
