import { z } from 'zod';
import { endpoint } from '../../platform/endpoint.js';
import { UserParams } from '../users/user.schema.js';
import type { UserService } from '../users/user.service.js';
import type { Device } from './device.entity.js';
import type { Devices } from './device.service.js';

const TrustedDeviceView = z
  .object({
    id: z.uuid(),
    ip: z.string().nullable(),
    user_agent: z.string().nullable(),
    created_at: z.iso.datetime(),
    last_seen_at: z.iso.datetime(),
    trusted_until: z.iso.datetime(),
  })
  .meta({ id: 'TrustedDevice' });

export const deviceRoutes = (users: UserService, devices: Devices) => [
  endpoint({
    method: 'get',
    path: '/users/:user_id/trusted-devices',
    scope: 'users:read',
    summary: 'List the browsers in which a user is remembered after a second factor, newest first',
    params: UserParams,
    response: z.object({ items: z.array(TrustedDeviceView) }),
    handle: async ({ params }) => ({
      items: (await devices.trustedOf(await users.find(params.user_id))).map(present),
    }),
  }),
  endpoint({
    method: 'delete',
    path: '/users/:user_id/trusted-devices/:device_id',
    scope: 'users:write',
    summary: 'Ask for the second factor in a browser again',
    params: UserParams.extend({ device_id: z.uuid() }),
    async handle({ params }) {
      const user = await users.find(params.user_id);
      users.assertMayChange(user);
      await devices.revoke(user, params.device_id);
    },
  }),
];

const present = (device: Device) => ({
  id: device.id,
  ip: device.ip,
  user_agent: device.userAgent,
  created_at: device.createdAt.toISOString(),
  last_seen_at: device.lastSeenAt.toISOString(),
  trusted_until: (device.trustedUntil ?? device.lastSeenAt).toISOString(),
});
