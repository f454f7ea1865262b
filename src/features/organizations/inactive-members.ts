// Owns the suspension of members who do not come any more, where their organization wants it: told by mail first, suspended when the time of the
// letter has passed and they have not come back. Owners are let be: an organization that nobody visits keeps those who can open it.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { MailService } from '../mail/mail.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { holdPerson } from '../users/user-rows.js';
import type { MembershipService } from './membership.service.js';
import { lockedOrganization } from './organization-rows.js';

export const INACTIVE_TASK = 'memberships.inactive';

const batch = 100;
const beginning = '00000000-0000-0000-0000-000000000000';

export class InactiveMembers {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly tenants: Pick<TenantService, 'current' | 'issuerOf'>,
    private readonly memberships: Pick<MembershipService, 'suspend'>,
    private readonly mail: Pick<MailService, 'send'>,
  ) {}

  /** The job, over all tenants; those of a suspended tenant wait. May stop anywhere and run twice. @returns how many were told, and suspended. */
  async tend(signal?: AbortSignal): Promise<{ told: number; suspended: number }> {
    return {
      told: await this.each(TO_TELL, (due) => this.tell(due), signal),
      suspended: await this.each(TO_SUSPEND, (due) => this.suspend(due), signal),
    };
  }

  private async each(which: string, work: (due: Due) => Promise<boolean>, signal?: AbortSignal): Promise<number> {
    let done = 0;
    let failure: unknown;
    for (let due: Due[] = []; ; ) {
      const { tenant_id = beginning, organization_id = beginning, user_id = beginning } = due.at(-1) ?? {};
      const values = [this.clock.now(), tenant_id, organization_id, user_id, batch];
      due = (await this.db.manager.query(`${which} ${NEXT}`, values)) as Due[];
      for (const one of due) {
        if (signal?.aborted) return done;
        const context = { tenantId: one.tenant_id, actor: { type: 'system' as const, id: 'ostiary' } };
        try {
          if (await withContext(context, () => work(one))) done += 1;
        } catch (error) {
          // One that cannot be done keeps nobody else.
          failure ??= error;
        }
      }
      if (due.length < batch) break;
    }
    if (failure) throw failure;
    return done;
  }

  /** @returns false where they came back, or another process was here, a moment ago. */
  private async tell({ organization_id, user_id }: Due): Promise<boolean> {
    const link = `${this.tenants.issuerOf(await this.tenants.current())}/account`;
    return this.db.transaction(async () => {
      const values = [currentTenantId(), organization_id, user_id, this.clock.now()];
      const [member] = await this.db.execute<Told>(NOTE, values);
      if (!member) return false;
      const { email, locale, organization, until } = member;
      const letter = { organization, until: until.toISOString(), link };
      await this.mail.send('member_inactive', email, letter, locale ?? undefined);
      return true;
    });
  }

  private suspend({ organization_id: id, user_id }: Due): Promise<boolean> {
    return this.db.transaction(async () => {
      await holdPerson(this.db, user_id);
      await lockedOrganization(this.db, { id }, 'changing');
      const still = await this.db.execute(STILL, [currentTenantId(), id, user_id, this.clock.now()]);
      if (still.length === 0) return false;
      await this.memberships.suspend({ id }, user_id, 'inactive');
      return true;
    });
  }
}

interface Due {
  tenant_id: string;
  organization_id: string;
  user_id: string;
}

interface Told {
  email: string;
  locale: string | null;
  organization: string;
  until: Date;
}

/** Since when they have not come: nobody who was just let in again, or given another role, is gone already. */
const since = `greatest(coalesce(m.last_used_at, m.joined_at), m.updated_at)`;
const days = `(o.settings #>> '{members,suspend_inactive_days}')::int`;
const notice = `coalesce((o.settings #>> '{members,notice_days}')::int, 7)`;

const candidates = `
  m.suspended_at IS NULL AND m.role <> 'owner' AND o.suspended_at IS NULL AND ${days} IS NOT NULL
  AND u.disabled_at IS NULL AND u.deletion_at IS NULL`;

const untold = (now: string) => `
  ${candidates} AND (m.inactive_noted_at IS NULL OR m.inactive_noted_at < ${since})
  AND ${since} < ${now}::timestamptz - make_interval(days => greatest(${days} - ${notice}, 0))`;

const overdue = (now: string) => `
  ${candidates} AND m.inactive_noted_at >= ${since} AND m.inactive_noted_at <= ${now}::timestamptz - make_interval(days => ${notice})
  AND ${since} <= ${now}::timestamptz - make_interval(days => ${days})`;

const FROM = `
  SELECT m.tenant_id, m.organization_id, m.user_id
    FROM organizations o
    JOIN tenants t ON t.id = o.tenant_id AND t.suspended_at IS NULL AND t.deleting_at IS NULL
    JOIN memberships m ON m.tenant_id = o.tenant_id AND m.organization_id = o.id
    JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id`;

const NEXT = `
  AND (m.tenant_id, m.organization_id, m.user_id) > ($2::uuid, $3::uuid, $4::uuid)
  ORDER BY m.tenant_id, m.organization_id, m.user_id LIMIT $5`;

const TO_TELL = `${FROM} WHERE ${untold('$1')}`;
const TO_SUSPEND = `${FROM} WHERE ${overdue('$1')}`;

const NOTE = {
  name: 'membership_note_inactive',
  text: `
    UPDATE memberships m SET inactive_noted_at = $4
      FROM organizations o, users u
     WHERE m.tenant_id = $1 AND m.organization_id = $2 AND m.user_id = $3
       AND o.tenant_id = m.tenant_id AND o.id = m.organization_id AND u.tenant_id = m.tenant_id AND u.id = m.user_id
       AND ${untold('$4')}
    RETURNING u.email, u.claims ->> 'locale' AS locale, o.name AS organization,
              greatest($4::timestamptz + make_interval(days => ${notice}), ${since} + make_interval(days => ${days})) AS until`,
};

const STILL = {
  name: 'membership_still_inactive',
  text: `
    SELECT 1 FROM memberships m, organizations o, users u
     WHERE m.tenant_id = $1 AND m.organization_id = $2 AND m.user_id = $3
       AND o.tenant_id = m.tenant_id AND o.id = m.organization_id AND u.tenant_id = m.tenant_id AND u.id = m.user_id
       AND ${overdue('$4')} FOR NO KEY UPDATE OF m`,
};
