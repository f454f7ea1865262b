// Owns many invitations in one request: each as if it were alone, so that one which is refused keeps nobody else.
import { databaseError } from '../../platform/database-errors.js';
import { AppError } from '../../platform/errors.js';
import type { Organization } from '../organizations/organization.entity.js';
import type { Invitation } from './invitation.entity.js';
import type { CreateInvitation } from './invitation.schema.js';
import type { InvitationService } from './invitation.service.js';

export interface RowResult {
  email: string;
  invitation?: Invitation;
  error?: { status: number; code: string; detail: string };
}

/** In their order. @throws what is no refusal of a row. */
export async function inviteEach(
  invitations: Pick<InvitationService, 'create'>,
  organization: Organization,
  rows: readonly CreateInvitation[],
): Promise<RowResult[]> {
  const results: RowResult[] = [];
  for (const row of rows) results.push(await inviteOne(invitations, organization, row));
  return results;
}

async function inviteOne(
  invitations: Pick<InvitationService, 'create'>,
  organization: Organization,
  row: CreateInvitation,
): Promise<RowResult> {
  const { email } = row;
  try {
    return { email, invitation: await invitations.create(organization, row) };
  } catch (error) {
    const refusal = error instanceof AppError ? error : databaseError(error);
    if (!refusal) throw error;
    const [issue] = refusal.details.issues ?? [];
    const detail = issue ? `${refusal.message}: ${issue.pointer} ${issue.message}` : refusal.message;
    return { email, error: { status: refusal.status, code: refusal.code, detail } };
  }
}
