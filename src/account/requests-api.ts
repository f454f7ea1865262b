// What applications ask this person for (OpenID Connect CIBA), as JSON: for an authenticator app or scripts of our own pages, by the session cookie.
// requests.ts is the same as a page.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { BackchannelRequest } from '../features/backchannel-requests/backchannel-request.entity.js';
import { notFound } from '../platform/errors.js';
import { parsed, readJsonBody, sendJson } from '../platform/json-body.js';
import type { Logger } from '../platform/logger.js';
import { problems } from '../platform/problem.js';
import { type AccountDoor, ANY_TIME, type Visitor } from './door.js';
import { organizationOf, proofIn, type RequestDependencies, scopesIn } from './requests.js';

const Decide = z.strictObject({ decision: z.enum(['approved', 'denied']) });
const Id = z.uuid();
const back = '/account/requests';

export function requestsApi(
  router: Router,
  door: AccountDoor,
  { requests, resources, application, organizationAccess, logger }: RequestDependencies & { logger: Logger },
): void {
  const guarded = problems(logger);

  /** Those that wait for a decision, the newest first. */
  router.get('/backchannel-requests', guarded, async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    const open = await requests.openOf(visitor.user.id);
    sendJson(ctx, 200, { items: await Promise.all(open.map(present)) });
  });

  router.get('/backchannel-requests/:request_id', guarded, async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) sendJson(ctx, 200, await present(await named(ctx, visitor)));
  });

  // Once: whoever decides again is told that it was decided. As on the page, to agree needs a new proof, and to say no does not.
  router.put('/backchannel-requests/:request_id/decision', guarded, readJsonBody, async (ctx) => {
    const visitor = await door.mayChange(ctx, { fresh: ANY_TIME, back });
    if (!visitor) return;
    const { decision } = parsed(Decide, ctx);
    const request = await named(ctx, visitor);
    if (decision === 'denied') await requests.deny(request);
    else if (!(await door.proved(ctx, visitor, { back }))) return;
    else await requests.approve(request, proofIn(visitor), visitor.stands);
    sendJson(ctx, 200, await present(await named(ctx, visitor)));
  });

  /** @throws AppError 404 for one of somebody else as for none. */
  async function named(ctx: Context, { user }: Visitor): Promise<BackchannelRequest> {
    const id = Id.safeParse(ctx.params.request_id);
    if (!id.success) throw notFound('request');
    return requests.find(id.data, user.id);
  }

  async function present(request: BackchannelRequest) {
    const { id, clientId, bindingMessage, claims, resource, acrValues, createdAt, expiresAt } = request;
    return {
      id,
      client: { client_id: clientId, ...(await application(clientId)) },
      binding_message: bindingMessage,
      scopes: await scopesIn(resources, request, request.scope.split(' ')),
      claims,
      resource,
      organization: await organizationOf(organizationAccess, request),
      acr_values: acrValues,
      created_at: createdAt.toISOString(),
      expires_at: expiresAt.toISOString(),
      decision: request.decision,
      decided_at: request.decidedAt?.toISOString() ?? null,
    };
  }
}
