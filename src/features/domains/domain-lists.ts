// Whose addresses an organization takes (settings.invitations): asked when somebody is invited, when they accept, and when they would join by
// their domain. Pure.
import { forbidden } from '../../platform/errors.js';
import { domainOf, normalizeDomain } from './domain-name.js';

export interface DomainLists {
  allowed_domains: readonly string[];
  denied_domains: readonly string[];
}

/**
 * Allowed is exactly the domain that is named, denied is also what lies below it: of two readings each time the one that lets fewer in. An
 * address whose domain DNS could not know may be another way of writing a denied one: where any are denied it is refused.
 */
export function isAllowed(emailNormalized: string, { allowed_domains, denied_domains }: DomainLists): boolean {
  const known = domainOf(emailNormalized);
  if (!known && denied_domains.length > 0) return false;
  const domain = known ?? emailNormalized.slice(emailNormalized.lastIndexOf('@') + 1);
  if (denied_domains.map(written).some((denied) => domain === denied || domain.endsWith(`.${denied}`))) return false;
  return allowed_domains.length === 0 || allowed_domains.map(written).includes(domain);
}

const written = (domain: string): string => normalizeDomain(domain) ?? domain.toLowerCase();

/** @throws AppError 403 */
export function assertAllowed(emailNormalized: string, lists: DomainLists): void {
  if (!isAllowed(emailNormalized, lists))
    throw forbidden('domain_not_allowed', 'This organization takes nobody with an address of this domain');
}
