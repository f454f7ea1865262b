// Owns whom an organization has asked in: who may ask whom as what, the letter, and what those who asked can still do about it.
// Hands off to: InvitationAnswers for whoever was asked, mail, one-time tokens for the link.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, invalid, notFound, tooMany } from '../../platform/errors.js';
import type { Limiter } from '../../platform/rate-limit.js';
import type { AuditLog } from '../audit/audit.service.js';
import { assertAllowed } from '../domains/domain-lists.js';
import type { Organization } from '../organizations/organization.entity.js';
import { lockedOrganization } from '../organizations/organization-rows.js';
import { askingPerson } from '../organizations/standing.js';
import { identifierOf } from '../users/identifier.js';
import { Invitation } from './invitation.entity.js';
import { isMember, pendingWithRole } from './invitation.queries.js';
import type { CreateInvitation } from './invitation.schema.js';
import type { InvitationLetters } from './invitation-letters.js';
import type { InvitationOffers } from './invitation-offers.js';
import { secondsOfRest } from './invitation-rest.js';
import { lockedInvitation } from './invitation-rows.js';
import { cooldownSeconds, following, type InvitationEvent, stateAt } from './invitation-states.js';
import { InvitationTemplate } from './invitation-template.entity.js';

const dayMs = 24 * 3_600_000;

export class InvitationService {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly offers: InvitationOffers,
    private readonly letters: InvitationLetters,
    /** Letters that people ask for, of one organization and to one address from all of them: what tokens ask for is the tenant's own. */
    private readonly limits: { ofOrganization: Limiter; toAddress: Limiter },
  ) {}

  async find({ id: organizationId }: Pick<Organization, 'id'>, id: string): Promise<Invitation> {
    const invitation = await this.db.repo(Invitation).findOneBy({ organizationId, id });
    if (!invitation) throw notFound('invitation');
    return invitation;
  }

  /**
   * Of two for one address at once one is made.
   * @throws AppError 403 for what one does not give, or a domain that is not taken; 409 where there is one, or they are a member; 422, 429.
   */
  async create(organization: Organization, input: CreateInvitation): Promise<Invitation> {
    const { email, role = 'member', roles = [], permissions = [], teams = [] } = input;
    const emailNormalized = identifierOf(email);
    await this.throttle(organization);
    return this.db.transaction(async () => {
      const held = await lockedOrganization(this.db, organization, 'joining');
      assertActive(held);
      await this.offers.assertMayGive(held, { role, roles, permissions, teams });
      assertAllowed(emailNormalized, held.settings.invitations);
      if (await isMember(this.db, held.id, emailNormalized))
        throw conflict('already_member', 'Whoever has this address is a member already');
      const message = await this.messageOf(held.id, input);
      await this.endOverdue(held.id, emailNormalized);
      const now = this.clock.now();
      const key = { organizationId: held.id, emailNormalized };
      if (await this.db.repo(Invitation).existsBy({ ...key, state: 'pending' })) throw pending();
      if (askingPerson()) assertRested(await secondsOfRest(this.db, key, now));
      await this.throttleLetter(emailNormalized);
      const invitation = Object.assign(new Invitation(), {
        id: newId(),
        ...key,
        email,
        role,
        roleIds: roles,
        permissions,
        teamIds: teams,
        templateId: input.template_id ?? null,
        message,
        locale: input.locale ?? null,
        invitedBy: askingPerson()?.id ?? null,
        sentAt: now,
        expiresAt: expiry(held, now),
        createdAt: now,
        updatedAt: now,
      });
      // Of two at once one is made, and the other may be a row of many in one transaction.
      if (!(await this.db.repo(Invitation).insertUnlessTaken(invitation))) throw pending();
      await this.audit.record('invitation.created', { ...named(invitation), role });
      await this.letters.send(invitation, held);
      return invitation;
    });
  }

  /** The link of the letter before dies. @throws AppError 409 where it was decided, 429 before its time. */
  async resend(organization: Organization, { id }: Invitation): Promise<Invitation> {
    await this.throttle(organization);
    return this.changing(organization, id, 'resend', async (invitation, held) => {
      assertActive(held);
      assertAllowed(invitation.emailNormalized, held.settings.invitations);
      const now = this.clock.now();
      assertRested(invitation.sentAt.getTime() / 1000 + cooldownSeconds(invitation.sends) - now.getTime() / 1000);
      await this.throttleLetter(invitation.emailNormalized);
      Object.assign(invitation, { sentAt: now, sends: invitation.sends + 1, expiresAt: expiry(held, now) });
      await this.audit.record('invitation.resent', named(invitation));
      await this.letters.send(invitation, held);
    });
  }

  /** @throws AppError 409 where it was decided. */
  cancel(organization: Organization, { id }: Invitation, ifMatch?: number): Promise<Invitation> {
    return this.changing(
      organization,
      id,
      'cancel',
      async (invitation) => {
        invitation.decidedAt = this.clock.now();
        await this.letters.end(invitation);
        await this.audit.record('invitation.cancelled', named(invitation));
      },
      ifMatch,
    );
  }

  /** How many would give this custom role: as long as there are any, it is in use. */
  pendingWithRole(roleId: string): Promise<number> {
    return pendingWithRole(this.db, roleId, this.clock.now());
  }

  private changing(
    organization: Organization,
    id: string,
    event: InvitationEvent,
    work: (invitation: Invitation, held: Organization) => Promise<void>,
    ifMatch?: number,
  ): Promise<Invitation> {
    return this.db.transaction(async () => {
      const held = await lockedOrganization(this.db, organization, 'joining');
      const invitation = await lockedInvitation(this.db, id, ifMatch);
      if (invitation?.organizationId !== held.id) throw notFound('invitation');
      await this.offers.assertMayTouch(held, invitation);
      const next = following(stateAt(invitation, this.clock.now()), event);
      if (!next) throw conflict('invitation_not_pending', 'This invitation was decided already, or has expired');
      invitation.state = next;
      await work(invitation, held);
      invitation.version += 1;
      invitation.updatedAt = this.clock.now();
      return this.db.repo(Invitation).save(invitation);
    });
  }

  /** One that nobody took is not in the way of the next, whether or not the job has been there. */
  private async endOverdue(organizationId: string, emailNormalized: string): Promise<void> {
    const values = [currentTenantId(), organizationId, emailNormalized, this.clock.now()];
    for (const { id } of await this.db.execute<{ id: string }>(END_OVERDUE, values))
      await this.audit.record('invitation.expired', { organization_id: organizationId, invitation_id: id });
  }

  private async messageOf(organizationId: string, { template_id: id, message }: CreateInvitation) {
    if (!id) return message ?? null;
    const template = await this.db.repo(InvitationTemplate).findOneBy({ organizationId, id });
    if (!template)
      throw invalid('The body is not valid', [
        { pointer: '/template_id', message: 'must be a template of this organization' },
      ]);
    return message ?? template.message;
  }

  private async throttle({ id }: Organization): Promise<void> {
    if (askingPerson()) await this.limits.ofOrganization.consume(`${currentTenantId()}\0${id}`);
  }

  /** What is refused for another reason counts for nobody: the address may be somebody else's. */
  private async throttleLetter(emailNormalized: string): Promise<void> {
    if (askingPerson()) await this.limits.toAddress.consume(`${currentTenantId()}\0${emailNormalized}`);
  }
}

/** What the record says of each. */
export const named = ({ id, organizationId }: Invitation) => ({ organization_id: organizationId, invitation_id: id });

const expiry = ({ settings }: Organization, now: Date) =>
  new Date(now.getTime() + settings.invitations.expires_days * dayMs);

function assertActive(organization: Organization): void {
  if (!organization.active) throw conflict('organization_suspended', 'A suspended organization asks nobody in');
}

const pending = () => conflict('invitation_pending', 'This address has been invited, and has not answered yet');

/** @throws AppError 429 */
function assertRested(wait: number): void {
  if (wait > 0) throw tooMany('too_soon', 'A letter was sent a moment ago, or they have declined', Math.ceil(wait));
}

const END_OVERDUE = {
  name: 'invitation_end_overdue',
  text: `
    UPDATE organization_invitations SET state = 'expired', decided_at = $4, updated_at = $4, version = version + 1
     WHERE tenant_id = $1 AND organization_id = $2 AND email_normalized = $3 AND state = 'pending' AND expires_at <= $4
     RETURNING id`,
};
