// What applications ask this person for while they are somewhere else (OpenID Connect CIBA): compared, and decided here.
// requests-api.ts is the same as JSON. Hands off to: BackchannelRequests.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { ledgerOf } from '../features/authentication/ledger.js';
import type { BackchannelRequest } from '../features/backchannel-requests/backchannel-request.entity.js';
import type { BackchannelRequests } from '../features/backchannel-requests/backchannel-requests.js';
import type { Proven } from '../features/backchannel-requests/organization-entry.js';
import type { OrganizationAccess } from '../features/organization-access/organization-access.js';
import { scopesOfClaims } from '../features/protocol/claim-scopes.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import { notFound } from '../platform/errors.js';
import { seeOther } from '../platform/form.js';
import { type AccountDoor, ANY_TIME, type Visitor } from './door.js';

export interface RequestDependencies {
  requests: Pick<BackchannelRequests, 'openOf' | 'find' | 'approve' | 'deny'>;
  resources: Pick<ResourceService, 'findByIdentifier'>;
  /** What people call an application, and whether it calls itself so. */
  application: (clientId: string) => Promise<{ name: string; dynamic: boolean }>;
  organizationAccess: Pick<OrganizationAccess, 'membership'>;
}

const Form = z.object({ request: z.uuid() });
const back = '/account/requests';

export function requestRoutes(
  router: Router,
  door: AccountDoor,
  { requests, resources, application, organizationAccess }: RequestDependencies,
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
    await requests.approve(request, proofIn(visitor), visitor.stands);
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

  async function describe(request: BackchannelRequest) {
    const { id, clientId, bindingMessage, createdAt, expiresAt, claims } = request;
    const named = request.scope.split(' ');
    const scopes = await scopesIn(resources, request, [...named, ...scopesOfClaims(claims, named)]);
    return {
      id,
      ...(await application(clientId)),
      organization: await organizationOf(organizationAccess, request),
      bindingMessage,
      scopes: scopes.map(({ name, description, resource }) =>
        resource ? { text: description ?? name, resource } : { name },
      ),
      since: createdAt.toISOString(),
      until: expiresAt.toISOString(),
    };
  }
}

/** What a decision stands on: how whoever decides has signed in. */
export const proofIn = ({ session: { acr, amr, loginTs, proofs } }: Visitor): Proven => ({
  acr,
  amr,
  authTime: loginTs,
  stands: { ledger: ledgerOf({ proofs, amr, ts: loginTs }), signedInAt: loginTs },
});

/** @returns undefined where it asks for none, null for one that they are no member of: they can only say no. */
export async function organizationOf(
  access: RequestDependencies['organizationAccess'],
  { userId, organizationId }: BackchannelRequest,
): Promise<{ id: string; slug: string; name: string } | null | undefined> {
  if (!organizationId) return undefined;
  const membership = await access.membership(userId, organizationId);
  if (!membership) return null;
  const { id, slug, name } = membership.organization;
  return { id, slug, name };
}

interface AskedScope {
  name: string;
  /** Of a resource's scope, both in the words of whoever registered it (RFC 8707). */
  description?: string | undefined;
  resource?: string;
}

/** @param names scopes; `openid` says nothing to a person. */
export async function scopesIn(
  resources: RequestDependencies['resources'],
  { resource }: BackchannelRequest,
  names: readonly string[],
): Promise<AskedScope[]> {
  const found = resource ? await resources.findByIdentifier(resource) : undefined;
  return names
    .filter((name) => name && name !== 'openid')
    .map((name) => {
      const known = found?.scopes.find((one) => one.name === name);
      return found && known ? { name, description: known.description, resource: found.name } : { name };
    });
}
