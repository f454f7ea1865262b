// The keys of roles in a row that has some: of a person, of a client, or of an API key.
import { conflict } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';

/** Of one person or client. */
const MOST_HELD = 50;

interface Change {
  before: readonly string[];
  after: readonly string[];
}

/** From those there are now, which nobody else changes meanwhile. */
export type BecomeRoles = (before: readonly string[]) => readonly string[];

/** @throws AppError 409 where there would be too many. */
export function changeOfRoles(before: readonly string[], become: BecomeRoles) {
  const after = [...new Set(become(before))];
  if (after.length > MOST_HELD) throw conflict('too_many_roles', `Nobody has more than ${MOST_HELD} roles`);
  return { before, after };
}

/** Each by itself, in the transaction of the change. */
export async function recordRoles(
  audit: AuditLog,
  { before, after }: Change,
  whose: { user_id: string } | { client_id: string } | { api_key_id: string },
): Promise<void> {
  for (const role of after) if (!before.includes(role)) await audit.record('role.assigned', { role, ...whose });
  for (const role of before) if (!after.includes(role)) await audit.record('role.removed', { role, ...whose });
}
