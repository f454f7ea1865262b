// The page behind "This was not me". Hands off to: Lockdown, which closes the account to everybody.
import type Router from '@koa/router';
import type { Lockdown } from '../features/risk/lockdown.js';
import { createLinkPage, type LinkSurroundings } from './link-page.js';

export function createLockdownRouter(
  surroundings: LinkSurroundings,
  { lockdown }: { lockdown: Pick<Lockdown, 'peek' | 'redeem'> },
): Router {
  const router = createLinkPage(surroundings, {
    path: '/lockdown',
    async show(token) {
      const found = await lockdown.peek(token);
      return found && { view: 'lockdown/confirm', data: { username: found.user.email, factors: found.factors } };
    },
    async redeem(token, ctx) {
      await lockdown.redeem(token);
      return { address: `${ctx.state.prefix}/lockdown/done` };
    },
  });
  router.get('/lockdown/done', (ctx) => surroundings.pages.send(ctx, 'lockdown/done', {}));
  return router;
}
