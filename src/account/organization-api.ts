// Organizations as JSON, for those who belong to them: the addresses of the management API, asked with the session of an account. What an endpoint
// needs there is said by its `member`; whom one may touch and what one may give is for the services to say.

import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { OrganizationService } from '../features/organizations/organization.service.js';
import type { Standings } from '../features/organizations/standing.js';
import type { Actor } from '../platform/context.js';
import type { Database } from '../platform/database.js';
import type { Endpoint } from '../platform/endpoint.js';
import { forbidden } from '../platform/errors.js';
import { type AccountDoor, ANY_TIME, type Visitor } from './door.js';
import { type MemberRequest, takesProof } from './organization-proof.js';

export interface OrganizationApiDependencies {
  db: Database;
  /** Of the management API, what members of an organization may ask. */
  memberEndpoints: readonly Endpoint[];
  organizations: Pick<OrganizationService, 'find'>;
  standings: Pick<Standings, 'atLeast'>;
  /** As the management API answers. */
  serve: (
    ctx: Context,
    endpoint: Endpoint,
    asking: { actor: Actor; admit: (request: MemberRequest) => Promise<unknown> },
  ) => Promise<void>;
}

/** @param own passes on whoever shows a token, or no session. */
export function organizationApi(
  router: Router,
  door: AccountDoor,
  { db, memberEndpoints, organizations, standings, serve }: OrganizationApiDependencies,
  own: (work: (ctx: Context) => Promise<void>) => Middleware,
): void {
  for (const endpoint of memberEndpoints)
    router.register(
      endpoint.path,
      [endpoint.method],
      own(async (ctx) => {
        const visitor = await mayAsk(ctx, endpoint);
        if (!visitor) return;
        // The sender says when a body ends: by then the session may have.
        const isThere = ctx.req.complete;
        await serve(ctx, endpoint, {
          actor: { type: 'user', id: visitor.user.id },
          async admit(request) {
            if (!isThere && !(await db.transaction(visitor.stands)))
              throw forbidden('session_ended', 'You were signed out meanwhile');
            await admit(ctx, visitor, endpoint, request);
          },
        });
      }),
    );

  /** What takes a new proof of who they are in any case. */
  const mayAsk = (ctx: Context, { method, proof }: Endpoint) =>
    method === 'get' ? door.visitor(ctx) : door.mayChange(ctx, proof === 'always' ? {} : { fresh: ANY_TIME });

  /**
   * @throws AppError 404 for who does not belong to it, as for one that is not there; 403 `role_too_low`; 401 `step_up_required` for what takes a
   * new proof because of what it says, or where nothing was proved that counts there.
   */
  async function admit(ctx: Context, visitor: Visitor, endpoint: Endpoint, request: MemberRequest): Promise<void> {
    const { organization: name } = request.params as { organization?: string };
    if (name === undefined) return;
    const organization = await organizations.find(name);
    await standings.atLeast(endpoint.member ?? 'owner', organization);
    door.assertIn(ctx, visitor, organization.id);
    if (await takesProof(db, organization, endpoint, request)) await door.assertProved(ctx, visitor);
  }
}
