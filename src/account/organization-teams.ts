// The teams of an organization: everybody sees them, who manages it makes and names them. Who is in one is said on the page of the member.
// Hands off to: Teams.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { isAtLeast, mayTouch } from '../features/organizations/hierarchy.js';
import { listMembers } from '../features/organizations/membership.queries.js';
import type { Team } from '../features/organizations/team.entity.js';
import { listTeams } from '../features/organizations/team.queries.js';
import { CreateTeam, UpdateTeam } from '../features/organizations/team.schema.js';
import type { Teams } from '../features/organizations/teams.js';
import type { Database } from '../platform/database.js';
import { notFound } from '../platform/errors.js';
import { textField } from '../platform/form.js';
import { type Inside, type OrganizationDoor, type Refused, refusalOf } from './organization-door.js';
import { choiceOf, slugOf, wrongOf } from './organization-fields.js';
import { namedTwice } from './organizations.js';

export interface OrganizationTeamsDependencies {
  db: Database;
  teams: Teams;
}

const Form = z.object({ name: textField, slug: textField, description: textField });
type Form = z.infer<typeof Form>;

const list = '/organizations/:organization/teams';
const one = `${list}/:team_id`;

export function organizationTeamsRoutes(
  router: Router,
  door: OrganizationDoor,
  { db, teams }: OrganizationTeamsDependencies,
): void {
  router.get(list, async (ctx) => {
    const inside = await door.enter(ctx, 'member');
    if (inside) await showAll(ctx, inside, Form.parse({}));
  });

  router.post(list, async (ctx) => {
    const inside = await door.mayChange(ctx, 'admin', '/teams');
    if (!inside) return;
    const form = Form.parse(ctx.request.body ?? {});
    const given = CreateTeam.safeParse({ name: form.name, slug: form.slug.trim() || slugOf(form.name) });
    if (!given.success)
      return showAll(ctx, inside, form, { code: 'organization', status: 422 }, wrongOf(given.error.issues));
    const error = await refusalOf(() => teams.create(inside.organization, given.data));
    if (error) return showAll(ctx, inside, form, namedTwice(error), error.code === 'conflict' ? ['slug'] : []);
    door.done(ctx, inside, '/teams', 'team_created');
  });

  router.get(one, async (ctx) => {
    const inside = await door.enter(ctx, 'member');
    if (!inside) return;
    const team = await named(ctx, inside);
    await showOne(ctx, inside, team, formOf(team));
  });

  router.post(one, async (ctx) => {
    const inside = await door.mayChange(ctx, 'admin', pageOf(ctx));
    if (!inside) return;
    const team = await named(ctx, inside);
    const form = Form.parse(ctx.request.body ?? {});
    const given = UpdateTeam.safeParse({
      name: form.name,
      slug: form.slug.trim(),
      description: choiceOf(form.description.trim()),
    });
    if (!given.success)
      return showOne(ctx, inside, team, form, { code: 'organization', status: 422 }, wrongOf(given.error.issues));
    const error = await refusalOf(() => teams.update(inside.organization, team.id, given.data));
    if (error) return showOne(ctx, inside, team, form, namedTwice(error), error.code === 'conflict' ? ['slug'] : []);
    door.done(ctx, inside, `/teams/${team.id}`, 'team_saved');
  });

  router.post(`${one}/delete`, async (ctx) => {
    const inside = await door.mayChange(ctx, 'admin', pageOf(ctx));
    if (!inside) return;
    await teams.delete(inside.organization, (await named(ctx, inside)).id);
    door.done(ctx, inside, '/teams', 'team_deleted');
  });

  async function named(ctx: Context, { organization }: Inside): Promise<Team> {
    const id = z.uuid().safeParse(ctx.params.team_id);
    if (!id.success) throw notFound('team');
    return teams.find(organization, id.data);
  }

  async function showAll(ctx: Context, inside: Inside, values: Form, error?: Refused, wrong: string[] = []) {
    const cursor = typeof ctx.query.cursor === 'string' && ctx.query.cursor ? ctx.query.cursor : undefined;
    const found = await db.reading(() => listTeams(db, inside.organization.id, { limit: 50, cursor }));
    const data = {
      values,
      wrong,
      manages: isAtLeast(inside.standing.role, 'admin'),
      teams: found.items.map(({ id, slug, name, description }) => ({ id, slug, name, description })),
      next:
        found.next_cursor &&
        `${ctx.state.prefix}${inside.at}/teams?${new URLSearchParams({ cursor: found.next_cursor })}`,
    };
    await door.show(ctx, inside, 'teams', data, error ? { error } : {});
  }

  async function showOne(
    ctx: Context,
    inside: Inside,
    team: Team,
    values: Form,
    error?: Refused,
    wrong: string[] = [],
  ) {
    const { organization, standing } = inside;
    const manages = isAtLeast(standing.role, 'admin');
    const { items, next_cursor } = await db.reading(() =>
      listMembers(db, organization.id, { limit: 100 }, { manages, teamId: team.id }),
    );
    const data = {
      team: { id: team.id, name: team.name, slug: team.slug, description: team.description },
      values,
      wrong,
      manages,
      members: items.map((member) => ({
        id: member.user_id,
        name: member.display_name ?? member.email,
        email: member.email,
        managed: manages && mayTouch(standing, member),
      })),
      more: next_cursor !== null,
    };
    await door.show(ctx, inside, 'teams', data, { view: 'team', ...(error ? { error } : {}) });
  }
}

const pageOf = (ctx: Context) => `/teams/${encodeURIComponent(String(ctx.params.team_id))}`;
const formOf = ({ name, slug, description }: Team): Form => ({ name, slug, description: description ?? '' });
