// Who belongs to an organization: the list that everybody in it sees, and searches. organization-member.ts is one of them.
import type Router from '@koa/router';
import { isAtLeast, mayTouch } from '../features/organizations/hierarchy.js';
import { listMembers } from '../features/organizations/membership.queries.js';
import { MemberQuery } from '../features/organizations/membership.schema.js';
import type { Database } from '../platform/database.js';
import { badRequest } from '../platform/errors.js';
import type { OrganizationDoor } from './organization-door.js';

/** As many as one looks through. */
const ON_A_PAGE = 25;

const Asked = MemberQuery.pick({ q: true, cursor: true });

export function organizationMembersRoutes(router: Router, door: OrganizationDoor, db: Database): void {
  router.get('/organizations/:organization/members', async (ctx) => {
    const inside = await door.enter(ctx, 'member');
    if (!inside) return;
    const { q, cursor } = ctx.query;
    // An empty field of the form searches for nothing.
    const asked = Asked.safeParse({ q: q || undefined, cursor: cursor || undefined });
    if (!asked.success) throw badRequest('invalid_request', 'The search is not valid');
    const { organization, standing, user, at } = inside;
    const manages = isAtLeast(standing.role, 'admin');
    const query = { ...asked.data, limit: ON_A_PAGE };
    const { items, next_cursor } = await db.reading(() => listMembers(db, organization.id, query, { manages }));
    const found = asked.data.q ?? '';
    await door.show(ctx, inside, 'members', {
      search: found,
      next:
        next_cursor &&
        `${ctx.state.prefix}${at}/members?${new URLSearchParams({ ...(found && { q: found }), cursor: next_cursor })}`,
      members: items.map((member) => ({
        id: member.user_id,
        name: member.display_name ?? member.email,
        email: member.email,
        role: member.role,
        roles: member.roles.map(({ key }) => key),
        teams: member.teams.map(({ slug }) => slug),
        suspended: member.suspended_at !== null,
        you: member.user_id === user.id,
        managed: manages && mayTouch(standing, member),
      })),
    });
  });
}
