// Whether what somebody decides behind the scenes may be for an organization: as at /authorize, by what their session stands on.
import { AppError, forbidden } from '../../platform/errors.js';
import type { Acr } from '../authentication/assurance.js';
import type { OrganizationDecision } from '../authentication/organization-requirement.js';
import { type OrganizationAccess, type StandsOn, untilOf } from '../organization-access/organization-access.js';
import type { Proof } from '../protocol/backchannel-codes.js';
import type { BackchannelRequest } from './backchannel-request.entity.js';

/** How whoever decides has signed in, and all that their session stands on. */
export interface Proven extends Proof {
  stands: StandsOn;
}

interface Entry {
  /** What counts there. */
  proof: Proof;
  grant: { organization: string; until: Date | undefined };
  /** In the transaction of the decision: whom a class was spared is recorded. */
  note: () => Promise<void>;
}

export type EntryRules = Pick<OrganizationAccess, 'membership' | 'decide' | 'isPasswordDue' | 'bypassed'>;

/** @throws AppError 403 where they are no member, what they have proved is not enough, or another password comes first; undefined where it is for none. */
export async function entryOf(
  organizations: EntryRules,
  { organizationId, userId, clientId, acrValues }: BackchannelRequest,
  { stands }: Proven,
): Promise<Entry | undefined> {
  if (!organizationId) return undefined;
  const membership = await organizations.membership(userId, organizationId);
  if (!membership) throw forbidden('organization_refused', 'This account does not belong to the organization');
  const decision = organizations.decide(membership, stands, { acr_values: acrValues ?? undefined });
  if (decision.kind !== 'satisfied') throw refusalOf(decision);
  if (await organizations.isPasswordDue(userId, membership))
    throw forbidden('password_due', 'The organization asks for a longer password: it is set at the next sign-in');
  const { assurance, bypass } = decision;
  const { acr, amr, ts: authTime } = assurance;
  return {
    proof: { acr, amr, authTime },
    grant: { organization: membership.organization.id, until: untilOf(decision) },
    note: async () => {
      if (bypass) await organizations.bypassed(userId, membership, clientId, bypass);
    },
  };
}

function refusalOf(decision: Exclude<OrganizationDecision, { kind: 'satisfied' }>): AppError {
  if (decision.kind === 'refused')
    return forbidden('organization_refused', 'The organization cannot be used from this network');
  const members: { acr_values?: Acr } = decision.kind === 'class' ? { acr_values: decision.acr } : {};
  return new AppError(403, 'acr_unmet', 'The organization asks for another sign-in', { members });
}
