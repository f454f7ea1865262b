// Where one is signed in, and which browsers are remembered; each can be ended from here. Hands off to: Sessions, Devices.
import type Router from '@koa/router';
import { z } from 'zod';
import type { Devices } from '../features/devices/device.service.js';
import type { OwnSessions } from '../features/protocol/own-sessions.js';
import { notFound } from '../platform/errors.js';
import { seeOther } from '../platform/form.js';
import { deviceOf } from '../platform/user-agent.js';
import { type AccountDoor, ANY_TIME } from './door.js';

export interface DeviceDependencies {
  sessions: OwnSessions;
  devices: Pick<Devices, 'trustedOf' | 'revoke'>;
  /** What people call an application. */
  clientName: (clientId: string) => Promise<string | undefined>;
}

/** What cannot be one is none: it is not even asked for. */
export const SessionId = z.string().regex(/^[\w-]{1,128}$/);
const SessionForm = z.object({ session: SessionId });
const DeviceForm = z.object({ device: z.uuid() });

/** Whoever holds a session may end others, however old its proof is: the other way round a thief could not be thrown out in a hurry. */
const freely = { fresh: ANY_TIME, back: '/account/devices' };

export function deviceRoutes(
  router: Router,
  door: AccountDoor,
  { sessions, devices, clientName }: DeviceDependencies,
): void {
  router.get('/devices', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    const { user, session } = visitor;
    const live = await sessions.of(user.id);
    const rows = live.map(async ({ uid, ip, userAgent, clients, createdAt, lastActiveAt }) => ({
      id: uid,
      ip,
      ...deviceOf(userAgent),
      clients: (await Promise.all(clients.map(clientName))).filter(Boolean),
      since: createdAt.toISOString(),
      lastActive: lastActiveAt.toISOString(),
      current: uid === session.uid,
    }));
    const remembered = (await devices.trustedOf(user)).map(({ id, ip, userAgent, lastSeenAt, trustedUntil }) => ({
      id,
      ip,
      ...deviceOf(userAgent),
      lastSeen: lastSeenAt.toISOString(),
      until: trustedUntil?.toISOString(),
    }));
    await door.show(ctx, visitor, 'devices', { sessions: await Promise.all(rows), remembered });
  });

  router.post('/devices/session-end', async (ctx) => {
    const visitor = await door.mayChange(ctx, freely);
    if (!visitor) return;
    const form = SessionForm.safeParse(ctx.request.body);
    if (!form.success) throw notFound('session');
    await sessions.end(visitor.user.id, form.data.session);
    seeOther(ctx, `${ctx.state.prefix}/account/devices?done=session_ended`);
  });

  router.post('/devices/others-end', async (ctx) => {
    const visitor = await door.mayChange(ctx, freely);
    if (!visitor) return;
    await sessions.endOthers(visitor.user.id, visitor.session.uid);
    seeOther(ctx, `${ctx.state.prefix}/account/devices?done=sessions_ended`);
  });

  router.post('/devices/forget', async (ctx) => {
    const visitor = await door.mayChange(ctx, freely);
    if (!visitor) return;
    const form = DeviceForm.safeParse(ctx.request.body);
    if (!form.success) throw notFound('device');
    await devices.revoke(visitor.user, form.data.device);
    seeOther(ctx, `${ctx.state.prefix}/account/devices?done=device_forgotten`);
  });
}
