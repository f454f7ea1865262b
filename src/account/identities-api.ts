// The identity providers somebody comes in by, as JSON, for scripts of our own pages. identities.ts is the same as pages; connecting one takes a page.
import type Router from '@koa/router';
import type { Context, Next } from 'koa';
import { z } from 'zod';
import type { OwnIdentities } from '../features/connections/own-identities.js';
import { notFound } from '../platform/errors.js';
import { sendJson } from '../platform/json-body.js';
import type { AccountDoor } from './door.js';
import { presentIdentity } from './identities.js';

type Own = (work: (ctx: Context) => Promise<void>) => (ctx: Context, next: Next) => Promise<unknown>;

export function identitiesApi(router: Router, door: AccountDoor, ownIdentities: OwnIdentities, own: Own): void {
  router.get(
    '/identities',
    own(async (ctx) => {
      const visitor = await door.visitor(ctx);
      if (visitor) sendJson(ctx, 200, { items: (await ownIdentities.of(visitor.user)).map(presentIdentity) });
    }),
  );

  router.delete(
    '/identities/:id',
    own(async (ctx) => {
      const visitor = await door.mayChange(ctx, { back: '/account/identities' });
      if (!visitor) return;
      const id = z.uuid().safeParse(ctx.params.id);
      if (!id.success) throw notFound('identity');
      await ownIdentities.disconnect(visitor.user, id.data, visitor.session.uid);
      ctx.status = 204;
    }),
  );
}
