// The door of one organization within the account: whether this person belongs to it, is enough in it for what they ask, and has come in by what counts
// there. Whom they may touch and what they may give is for the services to say; what these refuse is said on the page that it was asked on.
import type { Context } from 'koa';
import { isAtLeast, type Role, type Standing } from '../features/organizations/hierarchy.js';
import type { Organization } from '../features/organizations/organization.entity.js';
import type { OrganizationService } from '../features/organizations/organization.service.js';
import type { Standings } from '../features/organizations/standing.js';
import { databaseError } from '../platform/database-errors.js';
import { AppError } from '../platform/errors.js';
import { seeOther } from '../platform/form.js';
import { type AccountDoor, ANY_TIME, type Visitor } from './door.js';

/** Who is here, in which organization, and as what. */
export interface Inside extends Visitor {
  organization: Organization;
  standing: Standing;
  /** Below /account, without the tenant's prefix. */
  at: string;
}

/** What was refused, for the summary of the page. */
export interface Refused {
  code: string;
  status: number;
  seconds?: number | undefined;
}

/** Each page of an organization, and who may open it. */
const places = {
  overview: 'member',
  members: 'member',
  invitations: 'admin',
  teams: 'member',
  roles: 'admin',
  domains: 'admin',
  policy: 'admin',
  settings: 'admin',
} as const satisfies Record<string, Role>;
export type Place = keyof typeof places;

export interface OrganizationDoorDependencies {
  organizations: Pick<OrganizationService, 'find'>;
  standings: Pick<Standings, 'atLeast'>;
}

export class OrganizationDoor {
  constructor(
    private readonly door: AccountDoor,
    private readonly deps: OrganizationDoorDependencies,
  ) {}

  /** For a page. Undefined where nobody is signed in, or not for this organization, and the browser is on its way. @throws AppError 404 for who does not belong to it, 403 `role_too_low` */
  async enter(ctx: Context, needed: Role): Promise<Inside | undefined> {
    const visitor = await this.door.visitor(ctx);
    return visitor && this.inside(ctx, visitor, needed, ctx.url);
  }

  /** For a page whose form takes a new proof of who one is: it is asked for before anything is typed. */
  async enterProved(ctx: Context, needed: Role): Promise<Inside | undefined> {
    const inside = await this.enter(ctx, needed);
    return inside && this.proved(ctx, inside);
  }

  /**
   * For a change. @param page where the form is, below the organization: whoever has to sign in first comes back there.
   * @param fresh as of the account's door; without it the session as it is will do.
   */
  async mayChange(ctx: Context, needed: Role, page: string, fresh = ANY_TIME): Promise<Inside | undefined> {
    const back = this.pageOf(ctx, page);
    const visitor = await this.door.mayChange(ctx, { fresh, back });
    return visitor && this.inside(ctx, visitor, needed, back);
  }

  /** For a change that takes a new proof after all: undefined where it is missing, and the browser on its way to it. */
  async proved(ctx: Context, inside: Inside, page?: string): Promise<Inside | undefined> {
    const options = page === undefined ? {} : { back: this.pageOf(ctx, page) };
    return (await this.door.proved(ctx, inside, options)) && inside;
  }

  /** Renders views/account/organizations/PLACE.eta, or another view of that place. */
  show(
    ctx: Context,
    inside: Inside,
    place: Place,
    data: object,
    { view = place, error, status = error?.status }: { view?: string; error?: Refused; status?: number } = {},
  ): Promise<void> {
    const { organization, standing, at } = inside;
    const shown = {
      ...data,
      error,
      organization: { name: organization.name, slug: organization.slug },
      standing: { role: standing.role },
      at: `${ctx.state.prefix}${at}`,
      place,
      places: Object.entries(places).flatMap(([name, needed]) => (isAtLeast(standing.role, needed) ? [name] : [])),
    };
    const retryAfter = status === 429 ? error?.seconds : undefined;
    return this.door.show(ctx, inside, `organizations/${view}`, shown, { ...(status ? { status } : {}), retryAfter });
  }

  /** After a change. @param path below that of the organization. @param notice a code of account.notices. */
  done(ctx: Context, { at }: Pick<Inside, 'at'>, path: string, notice: string): void {
    seeOther(ctx, `${ctx.state.prefix}${at}${path}?done=${notice}`);
  }

  private pageOf(ctx: Context, page: string): string {
    return `${pathOf({ slug: encodeURIComponent(String(ctx.params.organization)) })}${page}`;
  }

  /** @param back where the browser goes on once it has come in. */
  private async inside(ctx: Context, visitor: Visitor, needed: Role, back: string): Promise<Inside | undefined> {
    const organization = await this.deps.organizations.find(String(ctx.params.organization));
    const standing = await this.deps.standings.atLeast(needed, organization);
    if (!this.door.comesIn(ctx, visitor, organization.id, back)) return undefined;
    return { ...visitor, organization, standing, at: pathOf(organization) };
  }
}

export const pathOf = ({ slug }: Pick<Organization, 'slug'>): string => `/account/organizations/${slug}`;

/** @returns why not, where the answer is the page again. @throws whatever else went wrong, and what is not there. */
export async function refusalOf(work: () => Promise<unknown>): Promise<Refused | undefined> {
  try {
    await work();
  } catch (error) {
    const refused = error instanceof AppError ? error : databaseError(error);
    if (!refused || ![403, 409, 412, 422, 429, 503].includes(refused.status)) throw error;
    return { code: refused.code, status: refused.status, seconds: refused.details.retryAfter };
  }
  return undefined;
}
