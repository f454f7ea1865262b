// Which requests of a member take a new proof of who they are, as their endpoints say: those that do on the pages. What gives ownership, or takes it
// from somebody, and what says which proof the organization asks for.
import { holdsOwner } from '../features/organizations/membership.queries.js';
import type { Organization } from '../features/organizations/organization.entity.js';
import { askingPerson } from '../features/organizations/standing.js';
import type { Database } from '../platform/database.js';
import type { Endpoint } from '../platform/endpoint.js';

/** As its schemas have read it. */
export interface MemberRequest {
  params: unknown;
  body: unknown;
}

export async function takesProof(
  db: Database,
  { id }: Pick<Organization, 'id'>,
  { method, proof = 'always' }: Endpoint,
  request: MemberRequest,
): Promise<boolean> {
  if (method === 'get') return false;
  const said = typeof proof === 'function' ? proof(request) : proof === 'always';
  if (typeof said === 'boolean') return said;
  // Whoever goes by themselves may.
  const people = said.filter((user) => user !== askingPerson()?.id);
  return people.length > 0 && holdsOwner(db, id, people);
}
