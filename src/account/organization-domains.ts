// The domains that an organization says are theirs: the record that proves one, and who joins by it. Hands off to: DomainService.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { listDomains } from '../features/domains/domain.queries.js';
import { CreateDomain, present, UpdateDomain } from '../features/domains/domain.schema.js';
import type { DomainService } from '../features/domains/domain.service.js';
import type { Database } from '../platform/database.js';
import { notFound } from '../platform/errors.js';
import { textField } from '../platform/form.js';
import { teamChoices } from './organization-choices.js';
import { type Inside, type OrganizationDoor, type Refused, refusalOf } from './organization-door.js';
import { ticked } from './organization-fields.js';

export interface OrganizationDomainsDependencies {
  db: Database;
  domains: DomainService;
}

const Form = z.object({ domain: textField, auto_join: textField, teams: ticked });

const list = '/organizations/:organization/domains';
const page = '/domains';

export function organizationDomainsRoutes(
  router: Router,
  door: OrganizationDoor,
  { db, domains }: OrganizationDomainsDependencies,
): void {
  router.get(list, async (ctx) => {
    const inside = await door.enter(ctx, 'admin');
    if (inside) await show(ctx, inside);
  });

  router.post(list, async (ctx) => {
    const inside = await door.mayChange(ctx, 'admin', page);
    if (!inside) return;
    const { domain } = Form.parse(ctx.request.body ?? {});
    const given = CreateDomain.safeParse({ domain });
    if (!given.success) return show(ctx, inside, { code: 'domain', status: 422 }, domain);
    const error = await refusalOf(() => domains.create(inside.organization, given.data));
    if (error) return show(ctx, inside, error, domain);
    door.done(ctx, inside, page, 'domain_added');
  });

  router.post(`${list}/:domain_id/verify`, async (ctx) => {
    const at = await held(ctx);
    if (!at) return;
    await answer(ctx, at.inside, 'domain_verified', () => domains.verify(at.inside.organization, at.domain));
  });

  router.post(`${list}/:domain_id/joining`, async (ctx) => {
    const at = await held(ctx);
    if (!at) return;
    const { auto_join, teams } = Form.parse(ctx.request.body ?? {});
    const change = UpdateDomain.safeParse({ auto_join: auto_join === 'member' ? 'member' : null, teams });
    if (!change.success) return show(ctx, at.inside, { code: 'organization', status: 422 });
    const { organization } = at.inside;
    await answer(ctx, at.inside, 'domain_saved', () => domains.update(organization, at.domain, change.data));
  });

  router.post(`${list}/:domain_id/remove`, async (ctx) => {
    const at = await held(ctx);
    if (!at) return;
    await answer(ctx, at.inside, 'domain_removed', () => domains.delete(at.inside.organization, at.domain));
  });

  async function held(ctx: Context) {
    const inside = await door.mayChange(ctx, 'admin', page);
    if (!inside) return undefined;
    const id = z.uuid().safeParse(ctx.params.domain_id);
    if (!id.success) throw notFound('domain');
    return { inside, domain: await domains.find(inside.organization, id.data) };
  }

  async function answer(ctx: Context, inside: Inside, notice: string, work: () => Promise<unknown>): Promise<void> {
    const error = await refusalOf(work);
    if (error) return show(ctx, inside, error);
    door.done(ctx, inside, page, notice);
  }

  async function show(ctx: Context, inside: Inside, error?: Refused, typed = ''): Promise<void> {
    const { organization } = inside;
    // An organization claims fewer than that.
    const { items } = await db.reading(() => listDomains(db, organization.id, { limit: 100 }));
    const teams = await teamChoices(db, organization, []);
    const shown = items.map(present).map((domain) => ({
      ...domain,
      teams: teams.map((team) => ({ ...team, ticked: domain.teams.includes(team.id) })),
    }));
    await door.show(ctx, inside, 'domains', { domains: shown, typed }, error ? { error } : {});
  }
}
