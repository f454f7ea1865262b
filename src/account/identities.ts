// The identity providers somebody comes in by: connecting one, which takes a sign-in over there, and letting one go.
// Hands off to: OwnIdentities; FederatedSignIns, whose doors speak with the provider.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { type FederatedSignIns, refusedWith } from '../features/connections/federated-sign-ins.js';
import type { OwnIdentities, OwnIdentity } from '../features/connections/own-identities.js';
import { AppError, notFound } from '../platform/errors.js';
import { seeOther, textField } from '../platform/form.js';
import type { AccountDoor, Visitor } from './door.js';

export interface IdentityDependencies {
  ownIdentities: OwnIdentities;
  federatedSignIns: Pick<FederatedSignIns, 'begin' | 'redeem'>;
}

const page = '/account/identities';
const ConnectForm = z.object({ connection: textField });
const RemoveForm = z.object({ identity: z.uuid() });

export function identityRoutes(router: Router, door: AccountDoor, deps: IdentityDependencies): void {
  const { ownIdentities, federatedSignIns } = deps;

  router.get('/identities', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) await list(ctx, visitor);
  });

  // A page of its own leads on: no policy of a page names an identity provider (interaction/federation.ts).
  router.post('/identities/connect', async (ctx) => {
    const visitor = await door.mayChange(ctx, { back: page });
    if (!visitor) return;
    const { connection: key } = ConnectForm.parse(ctx.request.body ?? {});
    const connection = (await ownIdentities.connectable(visitor.user)).find((one) => one.key === key);
    if (!connection) throw notFound('connection');
    const { location } = await federatedSignIns.begin(connection, {
      binding: bindingOf(visitor),
      purpose: 'link',
      back: `${page}/callback`,
    });
    ctx.set('Refresh', `0; url=${location}`);
    await door.show(ctx, visitor, 'security/identity-next', {
      name: connection.displayName,
      actions: { next: location },
    });
  });

  router.get('/identities/callback', async (ctx) => {
    const visitor = await door.known(ctx);
    if (!visitor) return seeOther(ctx, `${ctx.state.prefix}${page}`);
    const handle = typeof ctx.query.handle === 'string' ? ctx.query.handle.slice(0, 128) : '';
    const held = await federatedSignIns.redeem(handle, bindingOf(visitor));
    const refused = await ownIdentities.connect(held, visitor.user, visitor.stands);
    if (refused?.reason === 'linked_elsewhere') return list(ctx, visitor, refused.reason);
    if (refused) throw refusedWith(refused.trace);
    seeOther(ctx, `${ctx.state.prefix}${page}?done=identity_connected`);
  });

  router.post('/identities/remove', async (ctx) => {
    const visitor = await door.mayChange(ctx, { back: page });
    if (!visitor) return;
    const form = RemoveForm.safeParse(ctx.request.body);
    if (!form.success) throw notFound('identity');
    try {
      await ownIdentities.disconnect(visitor.user, form.data.identity, visitor.session.uid);
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 409) throw error;
      return list(ctx, visitor, error.code);
    }
    seeOther(ctx, `${ctx.state.prefix}${page}?done=identity_removed`);
  });

  async function list(ctx: Context, visitor: Visitor, problem?: string): Promise<void> {
    const at = `${ctx.state.prefix}${page}`;
    const others = await ownIdentities.connectable(visitor.user);
    const data = {
      error: problem && { code: problem },
      identities: (await ownIdentities.of(visitor.user)).map(presentIdentity),
      connectable: others.map(({ key, displayName }) => ({ key, name: displayName })),
      actions: { connect: `${at}/connect`, remove: `${at}/remove` },
    };
    await door.show(ctx, visitor, 'security/identities', data, { status: problem ? 409 : 200 });
  }
}

export const presentIdentity = ({ id, name, since, lastUsedAt, disabled }: OwnIdentity) => ({
  id,
  name,
  disabled,
  created_at: since.toISOString(),
  last_used_at: lastUsedAt?.toISOString() ?? null,
});

const bindingOf = ({ session }: Visitor) => ({ kind: 'session' as const, id: session.uid });
