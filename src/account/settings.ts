// What a person wants to be told. Hands off to: UserService; whoever sends a letter asks there.
import type Router from '@koa/router';
import { z } from 'zod';
import { AccountSettings } from '../features/users/account-settings.js';
import type { UserService } from '../features/users/user.service.js';
import { seeOther } from '../platform/form.js';
import type { AccountDoor } from './door.js';

export interface SettingsDependencies {
  users: Pick<UserService, 'update' | 'changeSettings'>;
}

/** A box that is not ticked is not sent. */
const ticked = z
  .literal('yes')
  .optional()
  .catch(undefined)
  .transform((value) => value === 'yes');
const Form = z.object({ new_device: ticked });

export function settingsRoutes(router: Router, door: AccountDoor, { users }: SettingsDependencies): void {
  router.get('/settings', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    const { notifications } = AccountSettings.parse(visitor.user.settings);
    const { prefix } = ctx.state;
    const base = `${prefix}/account`;
    const actions = { submit: `${base}/settings`, export: `${base}/export`, delete: `${base}/delete` };
    await door.show(ctx, visitor, 'settings', { notifications, actions });
  });

  // Somebody else who got in must not stop the letters first.
  router.post('/settings', async (ctx) => {
    const visitor = await door.mayChange(ctx);
    if (!visitor) return;
    const notifications = Form.parse(ctx.request.body ?? {});
    await users.changeSettings(visitor.user, AccountSettings.parse({ notifications }), visitor.stands);
    seeOther(ctx, `${ctx.state.prefix}/account/settings?done=settings_saved`);
  });
}
