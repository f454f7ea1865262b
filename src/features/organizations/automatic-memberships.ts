// Owns which organizations a person is in without anybody's doing: the default one of the tenant, and a workspace of their own.
// Whoever is made joins in the same transaction. Those who were there before join by a job, batch by batch: each batch says where the next one begins.
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { AppError } from '../../platform/errors.js';
import type { Jobs } from '../../platform/jobs.js';
import type { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import { holdPeople } from '../users/user-rows.js';
import type { MembershipService } from './membership.service.js';
import { Organization } from './organization.entity.js';
import type { OrganizationService } from './organization.service.js';

export const JOIN_EVERYBODY_TASK = 'organizations.join';
/** `after`: the id of the last person of the batch before. `last`: once more over everybody who was on their way in meanwhile. */
export const JoinPeople = z.strictObject({ after: z.uuid().optional(), last: z.boolean().default(false) });

/** By then no request is under way that began before the setting. */
const settledMs = 60_000;
const batch = 200;

type Person = Pick<User, 'id' | 'claims'>;
const settingsOf = ({ settings }: Tenant) => settings.organizations;

export class AutomaticMemberships {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly tenants: Pick<TenantService, 'current'>,
    private readonly organizations: OrganizationService,
    private readonly memberships: MembershipService,
    private readonly jobs: Pick<Jobs, 'enqueue'>,
  ) {}

  /** In the transaction in which a person is made. */
  async created(user: Person): Promise<void> {
    const { default_organization: slug, personal_workspaces } = settingsOf(await this.tenants.current());
    // Where it is not there yet, the job makes it and finds them.
    const organization = slug && (await this.db.repo(Organization).findOneBy({ slug }));
    if (organization) await this.memberships.add(organization, { user_id: user.id }, { kind: 'default' });
    if (personal_workspaces) await this.organizations.createPersonal(user);
  }

  /** In the transaction in which a tenant gets these settings. */
  async decided(tenant: Tenant, before: Tenant | undefined): Promise<void> {
    const { default_organization, personal_workspaces } = settingsOf(tenant);
    const old = before && settingsOf(before);
    const begins =
      (default_organization !== null && default_organization !== old?.default_organization) ||
      (personal_workspaces && !old?.personal_workspaces);
    if (begins) await withContext({ tenantId: tenant.id }, () => this.jobs.enqueue(JOIN_EVERYBODY_TASK, {}));
  }

  /** The job: one batch, and the next one is enqueued with it. Whoever left, or was removed, is not brought back. May run twice. */
  async joinExisting({ after, last }: z.output<typeof JoinPeople>): Promise<void> {
    const tenant = await this.tenants.current();
    const { default_organization: slug, personal_workspaces: personal } = settingsOf(tenant);
    await this.db.transaction(async () => {
      const organization = slug === null ? undefined : await this.organizations.ensure(slug, tenant.displayName);
      const values = [currentTenantId(), after ?? null, organization?.id ?? null, personal, batch];
      const people = await this.db.execute<Waiting>(WAITING, values);
      // People first, as everybody holds them.
      const held = await holdPeople(
        this.db,
        people.map(({ id }) => id),
      );
      for (const person of people.filter(({ id }) => held.includes(id))) {
        if (organization && person.joins) await this.join(organization, person);
        if (personal && person.alone) await this.organizations.createPersonal(person);
      }
      const next = people.length === batch ? people.at(-1)?.id : undefined;
      if (next) await this.jobs.enqueue(JOIN_EVERYBODY_TASK, { after: next, last });
      else if (!last) {
        const runAt = new Date(this.clock.now().getTime() + settledMs);
        await this.jobs.enqueue(JOIN_EVERYBODY_TASK, { last: true }, { runAt });
      }
    });
  }

  private async join(organization: Organization, { id: user_id }: Person): Promise<void> {
    try {
      await this.memberships.add(organization, { user_id }, { kind: 'default' });
    } catch (error) {
      // Somebody else was quicker.
      if (!(error instanceof AppError) || error.code !== 'already_member') throw error;
    }
  }
}

interface Waiting extends Person {
  joins: boolean;
  alone: boolean;
}

const WAITING = {
  name: 'organizations_waiting_people',
  text: `
    SELECT * FROM (
      SELECT u.id, u.claims,
             $3::uuid IS NOT NULL AND NOT EXISTS (SELECT FROM membership_events e
               WHERE e.tenant_id = u.tenant_id AND e.user_id = u.id AND e.organization_id = $3 AND e.kind = 'joined') AS joins,
             $4::boolean AND NOT EXISTS (SELECT FROM organizations o
               WHERE o.tenant_id = u.tenant_id AND o.personal_of = u.id) AS alone
        FROM users u
       WHERE u.tenant_id = $1 AND u.deletion_at IS NULL AND ($2::uuid IS NULL OR u.id > $2)
    ) w WHERE joins OR alone ORDER BY id LIMIT $5`,
};
