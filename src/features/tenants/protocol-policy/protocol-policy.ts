// What a tenant allows of the protocol: members of each chapter with their defaults. What a further standard lets a tenant decide is a further chapter.
import { z } from 'zod';
import * as compatibility from './compatibility.js';
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
});
export type ProtocolPolicy = z.infer<typeof ProtocolPolicy>;
