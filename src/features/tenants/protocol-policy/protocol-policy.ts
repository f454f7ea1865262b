// What a tenant allows of the protocol: members of each chapter with their defaults. What a further standard lets a tenant decide is a further chapter.
import { z } from 'zod';
import * as device from './device.js';
import * as registration from './registration.js';

export const ProtocolPolicy = z.strictObject({
  ...registration.members,
  ...device.members,
});
export type ProtocolPolicy = z.infer<typeof ProtocolPolicy>;

/** What a client may have registered, and is nothing at this tenant: the engine would refuse the whole client for it. */
export const grantTypesOff = ({ device_flow }: ProtocolPolicy): ReadonlySet<string> =>
  new Set(device_flow === 'off' ? ['urn:ietf:params:oauth:grant-type:device_code'] : []);
