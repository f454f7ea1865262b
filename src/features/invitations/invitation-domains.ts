// Which addresses may be invited (settings.invitations): asked when the invitation is made, and again when it is accepted.
import { forbidden } from '../../platform/errors.js';
import { domainOf, normalizeDomain } from '../domains/domain-name.js';

export interface InvitationLists {
  allowed_domains: readonly string[];
  denied_domains: readonly string[];
}

/**
 * Allowed is exactly the domain that is named, denied is also what lies below it: of two readings each time the one that lets fewer in. An
 * address whose domain DNS could not know is on no list, and where there is a list of those allowed it is none of them.
 */
export function isAllowed(emailNormalized: string, { allowed_domains, denied_domains }: InvitationLists): boolean {
  const domain = domainOf(emailNormalized) ?? emailNormalized.slice(emailNormalized.lastIndexOf('@') + 1);
  if (denied_domains.map(written).some((denied) => domain === denied || domain.endsWith(`.${denied}`))) return false;
  return allowed_domains.length === 0 || allowed_domains.map(written).includes(domain);
}

const written = (domain: string): string => normalizeDomain(domain) ?? domain.toLowerCase();

/** @throws AppError 403 */
export function assertAllowed(emailNormalized: string, lists: InvitationLists): void {
  if (!isAllowed(emailNormalized, lists))
    throw forbidden('domain_not_allowed', 'This organization invites nobody with an address of this domain');
}
