// The end of the account, by its owner's word. Hands off to: AccountDeletion; /account-restore, where the mailbox takes it back.
import type Router from '@koa/router';
import type { AccountDeletion } from '../features/accounts/account-deletion.js';
import { AppError } from '../platform/errors.js';
import { seeOther } from '../platform/form.js';
import type { Pages } from '../platform/page.js';
import type { AccountDoor } from './door.js';

export interface DeletionDependencies {
  accountDeletion: Pick<AccountDeletion, 'graceDays' | 'request'>;
  pages: Pages;
}

export function deletionRoutes(
  router: Router,
  door: AccountDoor,
  { accountDeletion, pages }: DeletionDependencies,
): void {
  const dataOf = async (prefix: string) => ({
    seconds: (await accountDeletion.graceDays()) * 24 * 3600,
    actions: { submit: `${prefix}/account/delete`, export: `${prefix}/account/export` },
  });

  router.get('/delete', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) await door.show(ctx, visitor, 'settings/delete', await dataOf(ctx.state.prefix));
  });

  router.post('/delete', async (ctx) => {
    const visitor = await door.mayChange(ctx);
    if (!visitor) return;
    try {
      await accountDeletion.request(visitor.user, visitor.stands);
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 409) throw error;
      const data = { ...(await dataOf(ctx.state.prefix)), error: { code: error.code } };
      return door.show(ctx, visitor, 'settings/delete', data, { status: 422 });
    }
    seeOther(ctx, `${ctx.state.prefix}/account/deleted`);
  });

  // Nobody is signed in any more.
  router.get('/deleted', async (ctx) => {
    await pages.send(ctx, 'restore/closed', { seconds: (await accountDeletion.graceDays()) * 24 * 3600 });
  });
}
