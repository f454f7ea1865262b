// One member of an organization, for who manages it: their role, what else they may do, and whether they may come in. Hands off to: MembershipService.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { mayTouch } from '../features/organizations/hierarchy.js';
import { type MemberRow, readMember } from '../features/organizations/membership.queries.js';
import { ChangeMember } from '../features/organizations/membership.schema.js';
import type { MembershipService } from '../features/organizations/membership.service.js';
import { Suspension } from '../features/organizations/organization.schema.js';
import type { Teams } from '../features/organizations/teams.js';
import type { Database } from '../platform/database.js';
import { notFound } from '../platform/errors.js';
import { textField } from '../platform/form.js';
import { roleChoices, rolesUpTo, teamChoices } from './organization-choices.js';
import { type Inside, type OrganizationDoor, type Refused, refusalOf } from './organization-door.js';
import { linesOf, ticked } from './organization-fields.js';

export interface OrganizationMemberDependencies {
  db: Database;
  memberships: Pick<MembershipService, 'change' | 'remove' | 'suspend' | 'resume'>;
  teams: Pick<Teams, 'join' | 'leave'>;
}

const Form = z.object({ role: textField, roles: ticked, permissions: textField, teams: ticked, reason: textField });
type Form = z.infer<typeof Form>;

const path = '/organizations/:organization/members/:user_id';

export function organizationMemberRoutes(
  router: Router,
  door: OrganizationDoor,
  { db, memberships, teams }: OrganizationMemberDependencies,
): void {
  router.get(path, async (ctx) => {
    const inside = await door.enter(ctx, 'admin');
    if (inside) await show(ctx, inside, await named(ctx, inside));
  });

  router.post(path, async (ctx) => {
    const form = Form.parse(ctx.request.body ?? {});
    const at = await held(ctx, form.role === 'owner');
    if (!at) return;
    const { inside, member } = at;
    const change = ChangeMember.safeParse({
      role: form.role,
      roles: [...new Set([...form.roles, ...(await unseen(inside, member))])],
      permissions: [...new Set(linesOf(form.permissions))],
    });
    if (!change.success) return show(ctx, inside, member, { code: 'permissions', status: 422 }, form);
    const error = await refusalOf(() => memberships.change(inside.organization, member.user_id, change.data));
    if (error) return show(ctx, inside, member, error, form);
    door.done(ctx, inside, `/members/${member.user_id}`, 'member_changed');
  });

  router.post(`${path}/teams`, async (ctx) => {
    const at = await held(ctx);
    if (!at) return;
    const { inside, member } = at;
    const wanted = Form.parse(ctx.request.body ?? {}).teams;
    const there = member.teams.map(({ id }) => id);
    await change(ctx, inside, member, 'member_changed', () =>
      db.transaction(async () => {
        // What is not shown is not taken away.
        const shown = (await teamChoices(db, inside.organization, there)).map(({ id }) => id);
        for (const id of shown)
          if (wanted.includes(id) !== there.includes(id))
            await teams[wanted.includes(id) ? 'join' : 'leave'](inside.organization, id, member.user_id);
      }),
    );
  });

  router.post(`${path}/suspend`, async (ctx) => {
    const form = Form.parse(ctx.request.body ?? {});
    const at = await held(ctx);
    if (!at) return;
    const { inside, member } = at;
    const given = Suspension.safeParse({ reason: form.reason });
    if (!given.success) return show(ctx, inside, member, { code: 'missing_reason', status: 422 });
    await change(ctx, inside, member, 'member_suspended', () =>
      memberships.suspend(inside.organization, member.user_id, given.data.reason),
    );
  });

  router.post(`${path}/resume`, async (ctx) => {
    const at = await held(ctx);
    if (!at) return;
    const { inside, member } = at;
    await change(ctx, inside, member, 'member_resumed', () => memberships.resume(inside.organization, member.user_id));
  });

  router.post(`${path}/remove`, async (ctx) => {
    const at = await held(ctx);
    if (!at) return;
    const { inside, member } = at;
    const error = await refusalOf(() => memberships.remove(inside.organization, member.user_id));
    if (error) return show(ctx, inside, member, error);
    // Whoever removed themselves does not belong here any more.
    const mine = member.user_id === inside.user.id;
    door.done(ctx, mine ? { at: '/account/organizations' } : inside, mine ? '' : '/members', 'member_removed');
  });

  /** Whom it is about. What gives or takes away ownership takes a new proof of who one is. */
  async function held(ctx: Context, becomesOwner = false): Promise<{ inside: Inside; member: MemberRow } | undefined> {
    const page = `/members/${encodeURIComponent(String(ctx.params.user_id))}`;
    const inside = await door.mayChange(ctx, 'admin', page);
    if (!inside) return undefined;
    const member = await named(ctx, inside);
    const owns = becomesOwner || member.role === 'owner';
    return owns && !(await door.proved(ctx, inside, page)) ? undefined : { inside, member };
  }

  /** Roles that the form does not show: what was not seen is not taken away. */
  async function unseen({ organization, standing }: Inside, { roles }: MemberRow): Promise<string[]> {
    const held = roles.map(({ id }) => id);
    const seen = new Set((await roleChoices(db, organization, standing, held)).map(({ id }) => id));
    return held.filter((id) => !seen.has(id));
  }

  async function change(
    ctx: Context,
    inside: Inside,
    member: MemberRow,
    notice: string,
    work: () => Promise<unknown>,
  ): Promise<void> {
    const error = await refusalOf(work);
    if (error) return show(ctx, inside, member, error);
    door.done(ctx, inside, `/members/${member.user_id}`, notice);
  }

  /** @throws AppError 404 for what cannot be a member as for who is none. */
  async function named(ctx: Context, { organization }: Inside): Promise<MemberRow> {
    const id = z.uuid().safeParse(ctx.params.user_id);
    const member = id.success ? await readMember(db, organization.id, id.data, { manages: true }) : undefined;
    if (!member) throw notFound('member');
    return member;
  }

  async function show(ctx: Context, inside: Inside, member: MemberRow, error?: Refused, form?: Form): Promise<void> {
    const { organization, standing, user } = inside;
    const held = member.roles.map(({ id }) => id);
    const data = {
      member: {
        id: member.user_id,
        name: member.display_name ?? member.email,
        email: member.email,
        role: member.role,
        roles: member.roles.map(({ key }) => key),
        teams: member.teams.map(({ slug }) => slug),
        since: member.joined_at.toISOString(),
        lastUsed: member.last_used_at?.toISOString() ?? null,
        suspended: member.suspended_at?.toISOString() ?? null,
        reason: member.suspension_reason,
        you: member.user_id === user.id,
      },
      managed: mayTouch(standing, member),
      choices: rolesUpTo(standing),
      roles: await roleChoices(db, organization, standing, form?.roles ?? held),
      teams: await teamChoices(
        db,
        organization,
        member.teams.map(({ id }) => id),
      ),
      values: {
        role: form?.role ?? member.role,
        permissions: form?.permissions ?? member.permissions.join('\n'),
      },
    };
    await door.show(ctx, inside, 'members', data, { view: 'member', ...(error ? { error } : {}) });
  }
}
