// The page behind the link for whoever has lost their second factors: before its time it says when that is, then one button does it.
// Hands off to: FactorRecoveries, which knows the time and what goes.
import type Router from '@koa/router';
import type { FactorRecoveries } from '../features/accounts/factor-recovery.js';
import { createLinkPage, type LinkSurroundings } from './link-page.js';

export function createFactorRecoveryRouter(
  surroundings: LinkSurroundings,
  { factorRecoveries }: { factorRecoveries: Pick<FactorRecoveries, 'peek' | 'redeem'> },
): Router {
  const router = createLinkPage(surroundings, {
    path: '/factor-recovery',
    async show(token) {
      const found = await factorRecoveries.peek(token);
      if (!found) return undefined;
      const { user, readyAt, isReady } = found;
      if (!isReady) return { view: 'factor-recovery/wait', data: { at: readyAt.toISOString() } };
      return { view: 'factor-recovery/confirm', data: { username: user.email } };
    },
    async redeem(token, ctx) {
      await factorRecoveries.redeem(token);
      return { address: `${ctx.state.prefix}/factor-recovery/done` };
    },
  });
  router.get('/factor-recovery/done', (ctx) => surroundings.pages.send(ctx, 'factor-recovery/done', {}));
  return router;
}
