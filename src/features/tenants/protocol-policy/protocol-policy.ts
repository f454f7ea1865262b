// What a tenant allows of the protocol: members of each chapter with their defaults. What a further standard lets a tenant decide is a further chapter.
import { z } from 'zod';
import * as compatibility from './compatibility.js';
import * as device from './device.js';
import * as introspection from './introspection.js';
import * as metadataDocuments from './metadata-documents.js';
import * as registration from './registration.js';
import * as requests from './requests.js';
import * as softwareStatements from './software-statements.js';

export const ProtocolPolicy = z.strictObject({
  ...introspection.members,
  ...registration.members,
  ...compatibility.members,
  ...requests.members,
  ...metadataDocuments.members,
  ...softwareStatements.members,
  ...device.members,
});
export type ProtocolPolicy = z.infer<typeof ProtocolPolicy>;

/** What a client may have registered, and is nothing at this tenant: the engine would refuse the whole client for it. */
export const grantTypesOff = ({ device_flow }: ProtocolPolicy): ReadonlySet<string> =>
  new Set(device_flow === 'off' ? ['urn:ietf:params:oauth:grant-type:device_code'] : []);
