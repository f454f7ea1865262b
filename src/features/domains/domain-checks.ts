// Owns that a domain stays proved only as long as DNS says so: everybody is asked once a day, and who fails three times has it no more.
// Hands off to: mail, for the owners of the organization.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { type Dns, DnsError } from '../../platform/dns.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { MailService } from '../mail/mail.service.js';
import { OrganizationDomain } from './domain.entity.js';
import { challengeName, challengeValue } from './domain-name.js';

export const CHECK_TASK = 'domains.check';

/** A domain may be somebody else's by then; a name server that is away for a night is no reason. */
const MOST_FAILURES = 3;
const dayMs = 24 * 3_600_000;
const batch = 50;

export class DomainChecks {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly dns: Pick<Dns, 'resolveTxt'>,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly clock: Clock,
  ) {}

  /** The job, over all tenants. May stop anywhere and run twice. @returns how many were looked at. */
  async run(signal?: AbortSignal): Promise<number> {
    let checked = 0;
    let failure: unknown;
    for (let due: Due[] = []; ; ) {
      // Whoever was looked at is not due any more; the cursor passes those that could not be.
      const last = due.at(-1);
      const before = new Date(this.clock.now().getTime() - dayMs);
      due = (await this.db.manager.query(DUE, [before, last?.checked_at ?? null, last?.id ?? null, batch])) as Due[];
      for (const { tenant_id: tenantId, ...one } of due) {
        if (signal?.aborted) return checked;
        const context = { tenantId, actor: { type: 'system' as const, id: 'ostiary' } };
        try {
          await withContext(context, () => this.check(one));
          checked += 1;
        } catch (error) {
          // One that cannot be looked at keeps nobody else.
          failure ??= error;
        }
      }
      if (due.length < batch) break;
    }
    if (failure) throw failure;
    return checked;
  }

  /** The question is put before anything is held. */
  private async check({ id, domain, challenge }: Omit<Due, 'tenant_id'>): Promise<void> {
    const proved = await this.isProved(domain, challenge);
    await this.db.transaction(async () => {
      const query = this.db.repo(OrganizationDomain).query('d').andWhere('d.id = :id', { id });
      const claim = await query.andWhere('d.verified_at IS NOT NULL').setLock('pessimistic_write').getOne();
      if (!claim) return;
      const now = this.clock.now();
      // Another process was here a moment ago.
      if (claim.checkedAt && now.getTime() - claim.checkedAt.getTime() < dayMs) return;
      Object.assign(claim, { checkedAt: now, failedChecks: proved ? 0 : claim.failedChecks + 1 });
      if (claim.failedChecks >= MOST_FAILURES) await this.lose(claim);
      await this.db.repo(OrganizationDomain).save(claim);
    });
  }

  /** Who does not answer says nothing for it. */
  private async isProved(domain: string, challenge: string): Promise<boolean> {
    try {
      return (await this.dns.resolveTxt(challengeName(domain))).includes(challengeValue(challenge));
    } catch (error) {
      if (error instanceof DnsError) return false;
      throw error;
    }
  }

  private async lose(claim: OrganizationDomain): Promise<void> {
    const { organizationId, id, domain } = claim;
    Object.assign(claim, {
      verifiedAt: null,
      failedChecks: 0,
      version: claim.version + 1,
      updatedAt: this.clock.now(),
    });
    await this.audit.record('domain.lost', { organization_id: organizationId, domain_id: id });
    for (const owner of await this.db.execute<Owner>(OWNERS, [currentTenantId(), organizationId])) {
      const letter = { domain, organization: owner.organization, record: challengeName(domain) };
      await this.mail.send('domain_lost', owner.email, letter, owner.locale ?? undefined);
    }
  }
}

interface Due {
  tenant_id: string;
  id: string;
  domain: string;
  challenge: string;
  checked_at: string;
}

interface Owner {
  email: string;
  locale: string | null;
  organization: string;
}

// As text, because a Date has no microseconds: the walk would stand still.
const DUE = `
  SELECT d.tenant_id, d.id, d.domain, d.challenge, d.checked_at::text AS checked_at
    FROM organization_domains d JOIN tenants t ON t.id = d.tenant_id
   WHERE d.verified_at IS NOT NULL AND d.checked_at <= $1::timestamptz AND t.suspended_at IS NULL AND t.deleting_at IS NULL
     AND ($2::timestamptz IS NULL OR (d.checked_at, d.id) > ($2::timestamptz, $3::uuid))
   ORDER BY d.checked_at, d.id LIMIT $4`;

const OWNERS = {
  name: 'domain_owners',
  text: `
    SELECT u.email, u.claims ->> 'locale' AS locale, o.name AS organization
      FROM memberships m
      JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
      JOIN organizations o ON o.tenant_id = m.tenant_id AND o.id = m.organization_id
     WHERE m.tenant_id = $1 AND m.organization_id = $2 AND m.role = 'owner' AND m.suspended_at IS NULL
       AND u.email_verified AND u.disabled_at IS NULL AND u.deletion_at IS NULL
     ORDER BY m.joined_at, m.user_id LIMIT 100`,
};
