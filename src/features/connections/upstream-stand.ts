// On what at an identity provider a sign-in stands: kept, sealed, until its session begins (upstream-sessions.ts).
import { z } from 'zod';
import { UpstreamIdentity } from './upstream-identity.js';

export const UpstreamStand = z.object({
  connection: z.uuid(),
  subject: UpstreamIdentity.shape.subject,
  session: UpstreamIdentity.shape.session,
});
export type UpstreamStand = z.infer<typeof UpstreamStand>;
