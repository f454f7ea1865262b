// What one has allowed to applications, in plain words, and taking it back. Hands off to: OwnGrants.
import type Router from '@koa/router';
import { z } from 'zod';
import { scopes as openidScopes } from '../../config/protocol.js';
import type { ClientService } from '../features/clients/client.service.js';
import type { Consent } from '../features/protocol/consent.js';
import type { OwnGrant, OwnGrants } from '../features/protocol/own-grants.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import { notFound } from '../platform/errors.js';
import { seeOther } from '../platform/form.js';
import { type AccountDoor, ANY_TIME } from './door.js';

export interface ApplicationDependencies {
  grants: OwnGrants;
  clients: Pick<ClientService, 'engineMetadata'>;
  resources: Pick<ResourceService, 'findByIdentifier'>;
}

/** RFC 6749 appendix A.1: what cannot be a client_id is nobody's. */
const Form = z.object({ client_id: z.string().regex(/^[\x21-\x7e]{1,512}$/) });

export function applicationRoutes(
  router: Router,
  door: AccountDoor,
  { grants, clients, resources }: ApplicationDependencies,
): void {
  router.get('/applications', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    const applications = await Promise.all((await grants.of(visitor.user.id)).map(describe));
    applications.sort((a, b) => a.name.localeCompare(b.name));
    await door.show(ctx, visitor, 'applications', { applications });
  });

  router.post('/applications/revoke', async (ctx) => {
    const visitor = await door.mayChange(ctx, { fresh: ANY_TIME, back: '/account/applications' });
    if (!visitor) return;
    const form = Form.safeParse(ctx.request.body);
    if (!form.success) throw notFound('application');
    await grants.revoke(visitor.user.id, form.data.client_id);
    seeOther(ctx, `${ctx.state.prefix}/account/applications?done=access_revoked`);
  });

  async function describe({ clientId, consent, since }: OwnGrant) {
    const { client_name, logo_uri } = (await clients.engineMetadata(clientId)) ?? {};
    return {
      id: clientId,
      name: typeof client_name === 'string' ? client_name : clientId,
      logo_uri,
      since: since.toISOString(),
      scopes: [...openidScopesOf(consent), ...(await resourceScopesOf(consent))],
    };
  }

  async function resourceScopesOf({
    resources: allowed = {},
  }: Consent): Promise<{ text?: string; resource: string }[]> {
    const found = Object.entries(allowed).map(async ([identifier, scope]) => {
      const resource = await resources.findByIdentifier(identifier);
      const of = { resource: resource?.name ?? identifier };
      const texts = words(scope).map((name) => resource?.scopes.find((one) => one.name === name)?.description ?? name);
      return texts.length > 0 ? texts.map((text) => ({ text, ...of })) : [of];
    });
    return (await Promise.all(found)).flat();
  }
}

/** Those that the pages have words for (`scopes.<name>`); that it is you is said by being signed in at all. */
const openidScopesOf = ({ openid }: Consent): { name: string }[] =>
  words(openid?.scope)
    .filter((name) => name !== 'openid' && (openidScopes as readonly string[]).includes(name))
    .map((name) => ({ name }));

const words = (scope: string | undefined) => (scope ?? '').split(' ').filter(Boolean);
