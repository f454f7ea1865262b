// Owns what whoever was asked answers: they join, with exactly what was offered, or decline. The link shows which invitation it is and nothing about
// who holds it: a forwarded one gives nothing, because only the account whose proved address was invited joins.
// Hands off to: MembershipService, which adds them; InvitationLetters for who asked.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import { AppError, conflict, forbidden } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { assertAllowed } from '../domains/domain-lists.js';
import { invalidLink, type OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { MembershipService } from '../organizations/membership.service.js';
import { Organization } from '../organizations/organization.entity.js';
import { lockedOrganization } from '../organizations/organization-rows.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import { Invitation } from './invitation.entity.js';
import { named } from './invitation.service.js';
import type { InvitationLetters } from './invitation-letters.js';
import type { InvitationOffers } from './invitation-offers.js';
import { lockedInvitation } from './invitation-rows.js';
import { following, stateAt } from './invitation-states.js';

export interface Offered {
  invitation: Invitation;
  organization: Organization;
  /** Who asked, where it was a person. */
  inviter: string | undefined;
}

export class InvitationAnswers {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly tenants: Pick<TenantService, 'current'>,
    private readonly users: Pick<UserService, 'findActive' | 'findByEmail'>,
    private readonly memberships: Pick<MembershipService, 'add'>,
    private readonly oneTimeTokens: Pick<OneTimeTokens, 'peek' | 'consume'>,
    private readonly letters: Pick<InvitationLetters, 'inviterOf'>,
    private readonly offers: Pick<InvitationOffers, 'stillStands'>,
  ) {}

  /** What the link is good for; uses nothing up: mail scanners open links too. Whether the address has an account is not looked at. */
  async peek(token: string): Promise<Offered | undefined> {
    const found = await this.oneTimeTokens.peek('invitation', token);
    const invitation = found && (await this.db.repo(Invitation).findOneBy({ id: found.subject }));
    if (!invitation || stateAt(invitation, this.clock.now()) !== 'pending') return undefined;
    const organization = await this.db.repo(Organization).findOneBy({ id: invitation.organizationId });
    if (!organization?.active) return undefined;
    return { invitation, organization, inviter: await this.letters.inviterOf(invitation) };
  }

  /** How whoever was asked gets to their account. Only who holds the link learns whether there is one, as they would by registering. */
  async wayIn({ email }: Invitation): Promise<'sign_in' | 'register' | 'closed'> {
    if (await this.users.findByEmail(email)) return 'sign_in';
    const { registration } = (await this.tenants.current()).settings.authentication;
    return registration === 'open' ? 'register' : 'closed';
  }

  /**
   * Of any number at once one joins. Whatever is refused leaves the link good.
   * @param stands whether the session that asks still holds: also holds the row of the person.
   * @throws AppError 400 where the link is not good; 403 where the session has ended, or the domain is not taken any more; 409 for another
   * address, one that is not proved, who is a member already, and what is offered no more.
   */
  accept(token: string, user: User, stands: () => Promise<boolean>): Promise<Organization> {
    return this.db.transaction(async () => {
      if (!(await stands())) throw forbidden('session_ended', 'You were signed out meanwhile');
      const { invitation, organization } = await this.held(token);
      const person = await this.users.findActive(user.id);
      if (person?.emailNormalized !== invitation.emailNormalized)
        throw conflict('other_address', 'The invitation is for another address');
      if (!person.emailVerified) throw conflict('address_not_proved', 'The address has to be confirmed first');
      assertAllowed(person.emailNormalized, organization.settings.invitations);
      if (!(await this.offers.stillStands(organization, invitation))) throw outdated();
      await this.decide(token, invitation, 'accept', person);
      await this.join(organization, invitation, person);
      await this.audit.record('invitation.accepted', { ...named(invitation), user_id: person.id });
      return organization;
    });
  }

  /** Whoever holds the link: it needs no account. @throws AppError 400 where the link is not good. */
  decline(token: string): Promise<Organization> {
    return this.db.transaction(async () => {
      const { invitation, organization } = await this.held(token);
      await this.decide(token, invitation, 'decline');
      await this.audit.record('invitation.declined', named(invitation));
      return organization;
    });
  }

  /** The organization, then the invitation: as those who send it again or take it back go. */
  private async held(token: string): Promise<Omit<Offered, 'inviter'>> {
    const offered = await this.peek(token);
    if (!offered) throw invalidLink();
    const organization = await lockedOrganization(this.db, offered.organization, 'joining');
    const invitation = await lockedInvitation(this.db, offered.invitation.id);
    if (!invitation || !organization.active) throw invalidLink();
    return { organization, invitation };
  }

  private async decide(
    token: string,
    invitation: Invitation,
    event: 'accept' | 'decline',
    person?: User,
  ): Promise<void> {
    const now = this.clock.now();
    const next = following(stateAt(invitation, now), event);
    if (!next) throw invalidLink();
    // One statement: of all who come with this link, or with that of an older letter, one goes on.
    const used = await this.oneTimeTokens.consume('invitation', token);
    if (used?.subject !== invitation.id) throw invalidLink();
    const { id, version } = invitation;
    const decided = {
      state: next,
      decidedAt: now,
      acceptedBy: person?.id ?? null,
      updatedAt: now,
      version: version + 1,
    };
    await this.db.repo(Invitation).update({ id }, decided);
  }

  private async join(organization: Organization, invitation: Invitation, { id }: User): Promise<void> {
    const { role, roleIds: roles, permissions, teamIds: teams } = invitation;
    try {
      const member = { user_id: id, role, roles, permissions, teams };
      await this.memberships.add(organization, member, { kind: 'invitation', by: invitation.id });
    } catch (error) {
      // A role or a team that has gone meanwhile: nobody joins with less, or with other, than was offered.
      if (error instanceof AppError && error.status === 422) throw outdated();
      throw error;
    }
  }
}

const outdated = () => conflict('offer_outdated', 'What was offered does not exist any more');
