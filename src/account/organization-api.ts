// Organizations as JSON, for those who belong to them: the addresses of the management API, asked with the session of an account. What an endpoint
// needs there is said by its `member`; whom one may touch and what one may give is for the services to say.

import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { OrganizationService } from '../features/organizations/organization.service.js';
import type { Standings } from '../features/organizations/standing.js';
import type { Actor } from '../platform/context.js';
import type { Endpoint } from '../platform/endpoint.js';
import { type AccountDoor, ANY_TIME } from './door.js';

export interface OrganizationApiDependencies {
  /** Of the management API, what members of an organization may ask. */
  memberEndpoints: readonly Endpoint[];
  organizations: Pick<OrganizationService, 'find'>;
  standings: Pick<Standings, 'atLeast'>;
  /** As the management API answers. */
  serve: (
    ctx: Context,
    endpoint: Endpoint,
    asking: { actor: Actor; admit: (params: unknown) => Promise<unknown> },
  ) => Promise<void>;
}

/** @param own passes on whoever shows a token, or no session. */
export function organizationApi(
  router: Router,
  door: AccountDoor,
  { memberEndpoints, organizations, standings, serve }: OrganizationApiDependencies,
  own: (work: (ctx: Context) => Promise<void>) => Middleware,
): void {
  for (const endpoint of memberEndpoints)
    router.register(
      endpoint.path,
      [endpoint.method],
      own(async (ctx) => {
        const visitor = await mayAsk(ctx, endpoint);
        if (!visitor) return;
        await serve(ctx, endpoint, {
          actor: { type: 'user', id: visitor.user.id },
          admit: (params) => admit(endpoint, params),
        });
      }),
    );

  /** What takes an owner takes a new proof of who they are. */
  const mayAsk = (ctx: Context, { method, member }: Endpoint) =>
    method === 'get' ? door.visitor(ctx) : door.mayChange(ctx, member === 'owner' ? {} : { fresh: ANY_TIME });

  /** @throws AppError 404 for who does not belong to it, as for one that is not there; 403 `role_too_low` */
  async function admit({ member = 'owner' }: Endpoint, params: unknown): Promise<void> {
    const { organization } = params as { organization?: string };
    if (organization !== undefined) await standings.atLeast(member, await organizations.find(organization));
  }
}
