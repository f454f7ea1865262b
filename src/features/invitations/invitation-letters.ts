// Owns the letter of an invitation and the link in it: a newer one ends the older. Hands off to: mail, in the transaction of the change.
import type { Database } from '../../platform/database.js';
import type { MailService } from '../mail/mail.service.js';
import type { OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { Organization } from '../organizations/organization.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { User } from '../users/user.entity.js';
import type { Invitation } from './invitation.entity.js';

export class InvitationLetters {
  constructor(
    private readonly db: Database,
    private readonly tenants: TenantService,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly mail: Pick<MailService, 'send'>,
  ) {}

  /** The same whether or not the address has an account. */
  async send(invitation: Invitation, organization: Organization): Promise<void> {
    const ttlSeconds = (invitation.expiresAt.getTime() - invitation.sentAt.getTime()) / 1000;
    const token = await this.oneTimeTokens.issue('invitation', invitation.id, { ttlSeconds, data: {} });
    const issuer = this.tenants.issuerOf(await this.tenants.current());
    const letter = {
      link: `${issuer}/invitation?token=${token}`,
      minutes: ttlSeconds / 60,
      organization: organization.name,
      role: invitation.role,
      inviter: await this.inviterOf(invitation),
      message: invitation.message ?? undefined,
    };
    await this.mail.send('organization_invitation', invitation.email, letter, invitation.locale ?? undefined);
  }

  /** Whoever was asked is not asked any more. */
  async end({ id }: Pick<Invitation, 'id'>): Promise<void> {
    await this.oneTimeTokens.revoke('invitation', id);
  }

  /** As they call themselves, or their address: whom one is asked by is a reason to believe it. */
  async inviterOf({ invitedBy }: Invitation): Promise<string | undefined> {
    const inviter = invitedBy ? await this.db.repo(User).findOneBy({ id: invitedBy }) : null;
    return inviter ? shown(inviter.claims.name ?? inviter.email) : undefined;
  }
}

/** As long as names are: what is longer reads as words of ours. */
const LONGEST_NAME = 60;

function shown(name: string): string {
  const letters = [...name];
  return letters.length > LONGEST_NAME ? `${letters.slice(0, LONGEST_NAME - 1).join('')}…` : name;
}
