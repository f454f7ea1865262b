// Owns which domains an organization says are theirs, and which of them it has proved: by a record in DNS that only their owner can write.
// Hands off to: DomainChecks, which looks again every day; DomainJoining, by which people of a proved domain become members.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId, randomToken } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { databaseError } from '../../platform/database-errors.js';
import { type Dns, DnsError } from '../../platform/dns.js';
import { conflict, notFound, preconditionFailed, unavailable } from '../../platform/errors.js';
import type { Limiter } from '../../platform/rate-limit.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Organization } from '../organizations/organization.entity.js';
import { assertTeams, lockedOrganization } from '../organizations/organization-rows.js';
import type { Standings } from '../organizations/standing.js';
import { OrganizationDomain } from './domain.entity.js';
import type { CreateDomain, UpdateDomain } from './domain.schema.js';
import { challengeName, challengeValue } from './domain-name.js';

/** How many an organization may claim: each is asked of DNS every day. */
const MOST_DOMAINS = 50;

export interface DomainHooks {
  /** In the transaction from which on people join by this domain: those who are there already may, too. */
  opened(domain: OrganizationDomain): Promise<void>;
}

export class DomainService {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly dns: Pick<Dns, 'resolveTxt'>,
    private readonly clock: Clock,
    private readonly standings: Standings,
    private readonly questions: Limiter,
    private readonly hooks: DomainHooks,
  ) {}

  async find({ id: organizationId }: Organization, id: string): Promise<OrganizationDomain> {
    const domain = await this.db.repo(OrganizationDomain).findOneBy({ organizationId, id });
    if (!domain) throw notFound('domain');
    return domain;
  }

  /**
   * Whether another organization has proved it is not told before this one has.
   * @throws AppError 409 where it has been claimed here, or there are too many, 422 for a team that is not there.
   */
  create(organization: Organization, { domain, auto_join, teams = [] }: CreateDomain): Promise<OrganizationDomain> {
    const now = this.clock.now();
    return unlessTaken(() =>
      this.db.transaction(async () => {
        const { id: organizationId } = organization;
        await this.admit(organization, 'changing');
        const repo = this.db.repo(OrganizationDomain);
        if (await repo.existsBy({ organizationId, domain }))
          throw conflict('domain_claimed', 'This organization has claimed the domain already');
        if ((await repo.countBy({ organizationId })) >= MOST_DOMAINS)
          throw conflict('too_many_domains', `An organization claims at most ${MOST_DOMAINS} domains`);
        await assertTeams(this.db, organizationId, teams);
        const made = await repo.insert(
          Object.assign(new OrganizationDomain(), {
            id: newId(),
            organizationId,
            domain,
            challenge: randomToken(),
            autoJoin: auto_join ?? null,
            teamIds: teams,
            createdAt: now,
            updatedAt: now,
          }),
        );
        await this.audit.record('domain.added', { organization_id: organizationId, domain_id: made.id });
        return made;
      }),
    );
  }

  /** @param ifMatch the version the caller saw. @throws AppError 412, 422 for a team that is not there. */
  update(
    organization: Organization,
    { id }: OrganizationDomain,
    patch: UpdateDomain,
    ifMatch?: number,
  ): Promise<OrganizationDomain> {
    return this.db.transaction(async () => {
      const { id: organizationId } = organization;
      await this.admit(organization, 'joining');
      const domain = await this.locked(organizationId, id, ifMatch);
      const before = JSON.stringify(domain);
      const wasOpen = domain.autoJoin !== null;
      if (patch.auto_join !== undefined) domain.autoJoin = patch.auto_join;
      if (patch.teams !== undefined) {
        await assertTeams(this.db, organizationId, patch.teams ?? []);
        domain.teamIds = patch.teams ?? [];
      }
      if (JSON.stringify(domain) === before) return domain;
      await this.changed(domain);
      const changed = Object.keys(patch);
      await this.audit.record('domain.updated', { organization_id: organizationId, domain_id: id, changed });
      if (!wasOpen && domain.autoJoin && domain.verifiedAt) await this.hooks.opened(domain);
      return domain;
    });
  }

  delete(organization: Organization, { id }: OrganizationDomain, ifMatch?: number): Promise<void> {
    return this.db.transaction(async () => {
      const { id: organizationId } = organization;
      await this.admit(organization, 'joining');
      await this.locked(organizationId, id, ifMatch);
      await this.db.repo(OrganizationDomain).delete({ id });
      await this.audit.record('domain.removed', { organization_id: organizationId, domain_id: id });
    });
  }

  /**
   * Looks now. The question is put before anything is held; what it says counts for the claim as it is then.
   * @throws AppError 409 where the record is not there, or another organization was first, 429, 503 where DNS does not answer.
   */
  async verify(organization: Organization, { id, domain, challenge }: OrganizationDomain): Promise<OrganizationDomain> {
    const { id: organizationId } = organization;
    await this.standings.atLeast('admin', organization);
    await this.questions.consume(`${currentTenantId()}\0${organizationId}`);
    const proved = await this.isProved(domain, challenge);
    if (!proved) throw conflict('domain_not_proved', `There is no such TXT record at ${challengeName(domain)} yet`);
    return unlessTaken(() =>
      this.db.transaction(async () => {
        // Nobody answers for what was asked while they waited.
        await this.admit(organization, 'joining');
        const claim = await this.locked(organizationId, id);
        if (claim.challenge !== challenge) throw notFound('domain');
        const now = this.clock.now();
        const first = claim.verifiedAt === null;
        if (first) await this.assertFree(organizationId, domain);
        Object.assign(claim, { verifiedAt: claim.verifiedAt ?? now, checkedAt: now, failedChecks: 0 });
        await this.changed(claim);
        if (!first) return claim;
        await this.audit.record('domain.verified', { organization_id: organizationId, domain_id: id });
        if (claim.autoJoin) await this.hooks.opened(claim);
        return claim;
      }),
    );
  }

  /** As they stand now, and until this is done. `changing`: one after the other, so that the count holds. @throws AppError 404, 403 */
  private async admit(organization: Organization, purpose: 'joining' | 'changing'): Promise<void> {
    await lockedOrganization(this.db, organization, purpose);
    await this.standings.atLeast('admin', organization);
  }

  private async isProved(domain: string, challenge: string): Promise<boolean> {
    try {
      return (await this.dns.resolveTxt(challengeName(domain))).includes(challengeValue(challenge));
    } catch (error) {
      if (error instanceof DnsError)
        throw unavailable('dns_unavailable', 'DNS does not answer for this domain. Please try again later', 60, error);
      throw error;
    }
  }

  /** Kindly; of two at once the index has the last word. */
  private async assertFree(organizationId: string, domain: string): Promise<void> {
    const query = this.db.repo(OrganizationDomain).query('d').andWhere('d.domain = :domain', { domain });
    query.andWhere('d.verified_at IS NOT NULL').andWhere('d.organization_id <> :organizationId', { organizationId });
    if (await query.getExists()) throw domainTaken();
  }

  private async changed(domain: OrganizationDomain): Promise<void> {
    domain.version += 1;
    domain.updatedAt = this.clock.now();
    await this.db.repo(OrganizationDomain).save(domain);
  }

  private async locked(organizationId: string, id: string, ifMatch?: number): Promise<OrganizationDomain> {
    const query = this.db.repo(OrganizationDomain).query('d').andWhere('d.id = :id', { id });
    query.andWhere('d.organization_id = :organizationId', { organizationId });
    const domain = await query.setLock('pessimistic_write').getOne();
    if (!domain) throw notFound('domain');
    if (ifMatch !== undefined && ifMatch !== domain.version) throw preconditionFailed('The domain has changed since');
    return domain;
  }
}

const domainTaken = () => conflict('domain_taken', 'Another organization has proved that this domain is theirs');

async function unlessTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (databaseError(error)?.status !== 409) throw error;
    throw domainTaken();
  }
}
