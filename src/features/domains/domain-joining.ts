// Owns that whoever proves an address becomes a member where its domain was proved too, and that organization wants it so.
// Hands off to: MembershipService, which adds them; UserService asks in the transaction of the proof, DomainService when it is turned on.
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { MembershipService } from '../organizations/membership.service.js';
import { Organization } from '../organizations/organization.entity.js';
import { User } from '../users/user.entity.js';
import { lockedUser } from '../users/user-rows.js';
import { OrganizationDomain } from './domain.entity.js';
import { isAllowed } from './domain-lists.js';
import { domainOf } from './domain-name.js';

export const JOIN_TASK = 'domains.join';
/** `after`: the id of the last person who was looked at. */
export const JoinDomain = z.strictObject({ domain_id: z.uuid(), after: z.uuid().optional() });

const batch = 500;

/** The outbox: joins the surrounding transaction. */
interface Outbox {
  enqueue(task: string, payload: object): Promise<void>;
}

export class DomainJoining {
  constructor(
    private readonly db: Database,
    private readonly memberships: Pick<MembershipService, 'add'>,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
  ) {}

  /** In the transaction in which an address is proved: the row of the person is held. */
  async proved(user: User): Promise<void> {
    if (!user.active || !user.emailVerified) return;
    const domain = domainOf(user.emailNormalized);
    const [claim] = domain ? await this.db.execute<{ id: string }>(OPEN, [currentTenantId(), domain]) : [];
    if (claim) await this.join(claim.id, user);
  }

  /** In the transaction from which on people join by a domain: those who are there already, by the job. */
  async opened({ id }: OrganizationDomain): Promise<void> {
    await this.outbox.enqueue(JOIN_TASK, { domain_id: id } satisfies z.infer<typeof JoinDomain>);
  }

  /** The job. May stop anywhere and run twice: whoever has joined is passed over, and what is left is another job. */
  async joinAll({ domain_id, after }: z.infer<typeof JoinDomain>, signal?: AbortSignal): Promise<void> {
    for (let last = after; ; ) {
      const claim = await this.db.repo(OrganizationDomain).findOneBy({ id: domain_id });
      if (!claim?.verifiedAt || !claim.autoJoin) return;
      const query = this.db.repo(User).query('u').andWhere('u.email_verified');
      if (last) query.andWhere('u.id > :last', { last });
      const people = await query.orderBy('u.id', 'ASC').limit(batch).getMany();
      for (const { id, emailNormalized } of people) {
        if (signal?.aborted) return this.outbox.enqueue(JOIN_TASK, { domain_id, ...(last ? { after: last } : {}) });
        if (domainOf(emailNormalized) === claim.domain) await this.joinOne(domain_id, id);
        last = id;
      }
      if (people.length < batch) return;
    }
  }

  /** As they are now: held, so that whoever ends the account waits or was first. */
  private joinOne(claimId: string, userId: string): Promise<void> {
    return this.db.transaction(async () => {
      const user = await lockedUser(this.db, userId);
      if (user?.active && user.emailVerified) await this.join(claimId, user);
    });
  }

  private async join(claimId: string, user: User): Promise<void> {
    const claim = await this.db.repo(OrganizationDomain).findOneBy({ id: claimId });
    if (!claim?.verifiedAt || !claim.autoJoin || domainOf(user.emailNormalized) !== claim.domain) return;
    const organization = await this.db.repo(Organization).findOneBy({ id: claim.organizationId });
    if (!organization?.active || !isAllowed(user.emailNormalized, organization.settings.invitations)) return;
    const place = [currentTenantId(), organization.id];
    // Whoever was taken out, or went, does not come back by their address.
    if ((await this.db.execute(HAS_BEEN, [...place, user.id])).length > 0) return;
    // Whoever was offered something of their own there says whether they take it.
    if ((await this.db.execute(IS_ASKED, [...place, user.emailNormalized, this.clock.now()])).length > 0) return;
    const teams = await this.db.execute<{ id: string }>(TEAMS, [...place, claim.teamIds]);
    const member = { user_id: user.id, role: claim.autoJoin, teams: teams.map(({ id }) => id) };
    await this.memberships.add(organization, member, { kind: 'domain', by: claim.id });
  }
}

const OPEN = {
  name: 'domain_open',
  text: `
    SELECT id FROM organization_domains
     WHERE tenant_id = $1 AND domain = $2 AND verified_at IS NOT NULL AND auto_join IS NOT NULL`,
};

const HAS_BEEN = {
  name: 'domain_has_been_member',
  text: `
    SELECT 1 FROM membership_events WHERE tenant_id = $1 AND organization_id = $2 AND user_id = $3
    UNION ALL
    SELECT 1 FROM memberships WHERE tenant_id = $1 AND organization_id = $2 AND user_id = $3 LIMIT 1`,
};

const IS_ASKED = {
  name: 'domain_is_invited',
  text: `
    SELECT 1 FROM organization_invitations
     WHERE tenant_id = $1 AND organization_id = $2 AND email_normalized = $3 AND state = 'pending' AND expires_at > $4`,
};

const TEAMS = {
  name: 'domain_teams',
  text: 'SELECT id FROM teams WHERE tenant_id = $1 AND organization_id = $2 AND id = ANY ($3::uuid[])',
};
