// What applications ask this person for while they are somewhere else (OpenID Connect CIBA): compared, and decided here. Hands off to: BackchannelRequests.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { askedAcr, meets } from '../features/authentication/requested-acr.js';
import type { BackchannelRequest } from '../features/backchannel-requests/backchannel-request.entity.js';
import type { BackchannelRequests } from '../features/backchannel-requests/backchannel-requests.js';
import { scopesOfClaims } from '../features/protocol/claim-scopes.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import { forbidden, notFound } from '../platform/errors.js';
import { seeOther } from '../platform/form.js';
import { type AccountDoor, ANY_TIME, type Visitor } from './door.js';

export interface RequestDependencies {
  requests: Pick<BackchannelRequests, 'openOf' | 'find' | 'approve' | 'deny'>;
  resources: Pick<ResourceService, 'findByIdentifier'>;
  /** What people call an application, and whether it calls itself so. */
  application: (clientId: string) => Promise<{ name: string; dynamic: boolean }>;
}

const Form = z.object({ request: z.uuid() });
const back = '/account/requests';

export function requestRoutes(
  router: Router,
  door: AccountDoor,
  { requests, resources, application }: RequestDependencies,
): void {
  router.get('/requests', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    const open = await requests.openOf(visitor.user.id);
    await door.show(ctx, visitor, 'requests', { requests: await Promise.all(open.map(describe)) });
  });

  /** Who agrees proves anew who they are: what is given lasts, and no browser shows it. */
  router.post('/requests/approve', async (ctx) => {
    const visitor = await door.mayChange(ctx, { back });
    if (!visitor) return;
    const request = await named(ctx, visitor);
    const asked = askedAcr({ acr_values: request.acrValues ?? undefined });
    if (asked && !meets(visitor.session.acr, asked.acr))
      throw forbidden('acr_unmet', 'This request needs a stronger sign-in');
    const { acr, amr, loginTs: authTime } = visitor.session;
    await requests.approve(request, { acr, amr, authTime }, visitor.stands);
    seeOther(ctx, `${ctx.state.prefix}${back}`);
  });

  /** To say no needs no new proof. */
  router.post('/requests/deny', async (ctx) => {
    const visitor = await door.mayChange(ctx, { fresh: ANY_TIME, back });
    if (!visitor) return;
    await requests.deny(await named(ctx, visitor));
    seeOther(ctx, `${ctx.state.prefix}${back}`);
  });

  /** @throws AppError 404 for one of somebody else as for none. */
  async function named(ctx: Context, { user }: Visitor): Promise<BackchannelRequest> {
    const form = Form.safeParse(ctx.request.body);
    if (!form.success) throw notFound('request');
    return requests.find(form.data.request, user.id);
  }

  async function describe({ id, clientId, bindingMessage, createdAt, expiresAt, ...request }: BackchannelRequest) {
    const { scope, claims, resource } = request;
    const found = resource ? await resources.findByIdentifier(resource) : undefined;
    const named = scope.split(' ');
    const scopes = [...named, ...scopesOfClaims(claims, named)]
      .filter((name) => name && name !== 'openid')
      .map((name) => {
        const known = found?.scopes.find((one) => one.name === name);
        return known ? { text: known.description ?? name, resource: found?.name } : { name };
      });
    return {
      id,
      ...(await application(clientId)),
      bindingMessage,
      scopes,
      since: createdAt.toISOString(),
      until: expiresAt.toISOString(),
    };
  }
}
