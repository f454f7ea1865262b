// On what at an identity provider a sign-in stands: kept, sealed, until its session begins (upstream-sessions.ts).
import { z } from 'zod';
import { UpstreamIdentity } from './upstream-identity.js';

export const UpstreamStand = z.object({
  connection: z.uuid(),
  subject: UpstreamIdentity.shape.subject,
  session: UpstreamIdentity.shape.session,
  /** Missing where an earlier version wrote it. */
  sign_in: z.uuid().optional(),
});
export type UpstreamStand = z.infer<typeof UpstreamStand>;
