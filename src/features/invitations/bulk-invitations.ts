// Owns many invitations in one request: each as if it were alone, so that one which is refused keeps nobody else.
import { AppError } from '../../platform/errors.js';
import type { Organization } from '../organizations/organization.entity.js';
import { identifierOf } from '../users/identifier.js';
import type { Invitation } from './invitation.entity.js';
import type { CreateInvitation } from './invitation.schema.js';
import type { InvitationService } from './invitation.service.js';

export interface RowResult {
  email: string;
  invitation?: Invitation;
  error?: { status: number; code: string; detail: string };
}

/**
 * In their order. Where all of them are one transaction, whoever asks for the same people at once goes by the same order: by address.
 * @throws what is no refusal of a row.
 */
export async function inviteEach(
  invitations: Pick<InvitationService, 'create'>,
  organization: Organization,
  rows: readonly CreateInvitation[],
): Promise<RowResult[]> {
  const results = new Map<CreateInvitation, RowResult>();
  for (const row of [...rows].sort(byAddress)) results.set(row, await inviteOne(invitations, organization, row));
  return rows.flatMap((row) => results.get(row) ?? []);
}

/** Of two for one address the first one in the request is made. */
function byAddress(a: CreateInvitation, b: CreateInvitation): number {
  const [one, other] = [identifierOf(a.email), identifierOf(b.email)];
  return one === other ? 0 : one < other ? -1 : 1;
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
    // What the database refuses is no row's matter: where all of them are one transaction, that is lost.
    if (!(error instanceof AppError)) throw error;
    const [issue] = error.details.issues ?? [];
    const detail = issue ? `${error.message}: ${issue.pointer} ${issue.message}` : error.message;
    return { email, error: { status: error.status, code: error.code, detail } };
  }
}
