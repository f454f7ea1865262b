// The page behind the link by which the owner of an account takes its deletion back. Hands off to: AccountDeletion.
import type Router from '@koa/router';
import type { AccountDeletion } from '../features/accounts/account-deletion.js';
import { createLinkPage, type LinkSurroundings } from './link-page.js';

export function createAccountRestoreRouter(
  surroundings: LinkSurroundings,
  { accountDeletion }: { accountDeletion: Pick<AccountDeletion, 'peek' | 'restore'> },
): Router {
  const router = createLinkPage(surroundings, {
    path: '/account-restore',
    async show(token) {
      const user = await accountDeletion.peek(token);
      return user && { view: 'restore/confirm', data: { email: user.email } };
    },
    async redeem(token, ctx) {
      await accountDeletion.restore(token);
      return { address: `${ctx.state.prefix}/account-restore/done` };
    },
  });
  router.get('/account-restore/done', async (ctx) => {
    const { prefix } = ctx.state;
    const actions = { signIn: `${prefix}/account`, forgotten: `${prefix}/forgotten-password` };
    await surroundings.pages.send(ctx, 'restore/done', { actions });
  });
  return router;
}
