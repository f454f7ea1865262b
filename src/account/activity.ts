// What happened in the account, in sentences; and the way out for whom it was not. Hands off to: the audit log, LockdownLinks.
import type Router from '@koa/router';
import { z } from 'zod';
import type { OwnActivity } from '../features/audit/own-activity.js';
import type { LockdownLinks } from '../features/risk/lockdown-links.js';
import { seeOther } from '../platform/form.js';
import { deviceOf } from '../platform/user-agent.js';
import { type AccountDoor, ANY_TIME } from './door.js';

export interface ActivityDependencies {
  activity: OwnActivity;
  lockdownLinks: LockdownLinks;
  /** What people call an application. */
  clientName: (clientId: string) => Promise<string | undefined>;
}

const Query = z.object({ before: z.uuid().optional().catch(undefined) });

export function activityRoutes(
  router: Router,
  door: AccountDoor,
  { activity, lockdownLinks, clientName }: ActivityDependencies,
): void {
  router.get('/activity', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    const { events, older } = await activity.of(visitor.user.id, Query.parse(ctx.query).before);
    const rows = events.map(async ({ name, data, ip, userAgent, occurredAt }) => {
      const clientId = typeof data.client_id === 'string' ? data.client_id : undefined;
      return {
        // Names of events are noun.past_tense; their sentences lie at account.activity.noun_past_tense.
        key: name.replaceAll('.', '_'),
        client: clientId && ((await clientName(clientId)) ?? clientId),
        factor: data.factor,
        // In the words of whoever acted; of what ended it is a code.
        reason: name === 'impersonation.started' ? data.reason : undefined,
        at: occurredAt.toISOString(),
        ip,
        ...deviceOf(userAgent),
      };
    });
    await door.show(ctx, visitor, 'activity', { events: await Promise.all(rows), older });
  });

  // The page behind the link says what will happen, and one more button does it. Whoever was found out closes the account on any proof.
  router.post('/activity/not-me', async (ctx) => {
    const visitor = await door.mayChange(ctx, { fresh: ANY_TIME, back: '/account/activity' });
    if (!visitor) return;
    const { user, session } = visitor;
    seeOther(ctx, await lockdownLinks.issueIn(session.uid, user, await door.isProved(visitor)));
  });
}
