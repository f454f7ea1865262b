// Who asks, as far as an organization is concerned: the tenant itself, or one of its members.
import { type Actor, currentContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { type AppError, forbidden, notFound } from '../../platform/errors.js';
import { isAtLeast, type Refusal, type Role, type Standing, standingOf, TENANT } from './hierarchy.js';
import { holdingIn } from './membership.queries.js';
import type { Organization } from './organization.entity.js';

/** The person who asks by the session of their account: their membership decides. Tokens and jobs speak for the tenant. */
export function askingPerson(): Actor | undefined {
  const actor = currentContext()?.actor;
  return actor?.type === 'user' && !actor.scopes ? actor : undefined;
}

export class Standings {
  constructor(private readonly db: Database) {}

  /** @throws AppError 404 for who is not a member, suspended, or of a suspended organization: as though there were none. */
  async of({ id }: Pick<Organization, 'id'>): Promise<Standing> {
    const person = askingPerson();
    if (!person) return TENANT;
    const holding = await holdingIn(this.db, person.id, id);
    if (!holding) throw notFound('organization');
    return standingOf(person.id, holding);
  }

  /** Who manages an organization is told more of it, and of its members. */
  async managing(organization: Pick<Organization, 'id'>): Promise<{ manages: boolean }> {
    return { manages: isAtLeast((await this.of(organization)).role, 'admin') };
  }

  /** As of(). @throws AppError 403 `role_too_low` */
  async atLeast(role: Role, organization: Pick<Organization, 'id'>): Promise<Standing> {
    const standing = await this.of(organization);
    if (!isAtLeast(standing.role, role)) throw roleTooLow(role);
    return standing;
  }
}

export const roleTooLow = (role: Role): AppError =>
  forbidden('role_too_low', `Only an ${role} of the organization may do this`);

const words: Record<Refusal, string> = {
  rank_too_low: 'Nobody gives, takes away or touches what is above their own role',
  raises_oneself: 'Nobody raises themselves',
  permission_not_held: 'Nobody gives permissions that they do not have',
};

/** @throws AppError 403 */
export function assertMay(refusal: Refusal | undefined): void {
  if (refusal) throw forbidden(refusal, words[refusal]);
}
