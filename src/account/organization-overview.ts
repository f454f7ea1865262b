// One organization as whoever belongs to it sees it: what they are there, what it asks of them, and leaving it. Hands off to: MembershipService.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { membershipIn } from '../features/organizations/membership.queries.js';
import type { MembershipService } from '../features/organizations/membership.service.js';
import type { Database } from '../platform/database.js';
import { notFound } from '../platform/errors.js';
import { seeOther } from '../platform/form.js';
import { type Inside, type OrganizationDoor, type Refused, refusalOf } from './organization-door.js';

export interface OrganizationOverviewDependencies {
  db: Database;
  memberships: Pick<MembershipService, 'leave'>;
}

export function organizationOverviewRoutes(
  router: Router,
  door: OrganizationDoor,
  { db, memberships }: OrganizationOverviewDependencies,
): void {
  router.get('/organizations/:organization', async (ctx) => {
    const inside = await door.enter(ctx, 'member');
    if (!inside) return;
    const own = await membershipIn(db, inside.user.id, inside.organization.id);
    if (!own) throw notFound('organization');
    const { policy, branding } = own.organization.settings;
    await door.show(ctx, inside, 'overview', {
      logo_uri: branding.logo_uri,
      role: own.role,
      roles: own.roles.slice(1),
      teams: own.teams,
      permissions: own.permissions,
      since: own.joined_at.toISOString(),
      asks: {
        proof: policy.acr?.split(':').at(-1) ?? null,
        grace: policy.grace_days,
        ways: policy.ways_in,
        seconds: policy.session_seconds,
        length: policy.password.min_length,
        addresses: policy.ip_allow_list.length > 0,
      },
    });
  });

  router.get('/organizations/:organization/leave', async (ctx) => {
    const inside = await door.enter(ctx, 'member');
    if (inside) await ask(ctx, inside);
  });

  router.post('/organizations/:organization/leave', async (ctx) => {
    const inside = await door.mayChange(ctx, 'member', '/leave');
    if (!inside) return;
    const error = await refusalOf(() => memberships.leave(inside.organization));
    if (error) return ask(ctx, inside, error);
    seeOther(ctx, `${ctx.state.prefix}/account/organizations?done=organization_left`);
  });

  const ask = (ctx: Context, inside: Inside, error?: Refused) =>
    door.show(ctx, inside, 'overview', {}, { view: 'leave', ...(error ? { error } : {}) });
}
