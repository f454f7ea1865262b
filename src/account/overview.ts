// The first page of the account: whose it is, and what there is to see.
import type Router from '@koa/router';
import type { AccountDoor } from './door.js';

export function overviewRoutes(router: Router, door: AccountDoor): void {
  router.get('/account', async (ctx) => {
    ctx.state.route = '/account';
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    const last = visitor.user.lastLoginAt?.toISOString();
    await door.show(ctx, visitor, 'overview', { lastSignIn: last });
  });
}
