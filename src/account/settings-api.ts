// What a person wants to be told, as JSON for scripts of our own pages. settings.ts is the same as a page.
import type Router from '@koa/router';
import { AccountSettings } from '../features/users/account-settings.js';
import { parsed, readJsonBody, sendJson } from '../platform/json-body.js';
import type { Logger } from '../platform/logger.js';
import { problems } from '../platform/problem.js';
import type { AccountDoor } from './door.js';
import type { SettingsDependencies } from './settings.js';

export function settingsApi(
  router: Router,
  door: AccountDoor,
  { users, logger }: SettingsDependencies & { logger: Logger },
) {
  const guarded = problems(logger);

  router.get('/auth/settings', guarded, async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (visitor) sendJson(ctx, 200, AccountSettings.parse(visitor.user.settings));
  });

  // The whole of it (RFC 9110 §9.3.4): what is left out takes its default. On a new proof, as on the page.
  router.put('/auth/settings', guarded, readJsonBody, async (ctx) => {
    const visitor = await door.mayChange(ctx, { back: '/account/settings' });
    if (!visitor) return;
    const { settings } = await users.changeSettings(visitor.user, parsed(AccountSettings, ctx), visitor.stands);
    sendJson(ctx, 200, AccountSettings.parse(settings));
  });
}
