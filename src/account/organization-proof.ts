// Which requests of a member take a new proof of who they are: those that do on the pages. What gives ownership, or takes it from somebody, and what
// says which proof the organization asks for.
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
  { method, path }: Endpoint,
  { params, body }: MemberRequest,
): Promise<boolean> {
  if (method === 'get') return false;
  if (path === '/organizations/:organization' && saysPolicy(method, body)) return true;
  if (makesOwner(body)) return true;
  // Whoever goes by themselves may.
  const people = [params, ...operationsOf(body)].flatMap(userOf).filter((user) => user !== askingPerson()?.id);
  return people.length > 0 && holdsOwner(db, id, people);
}

/** What replaces the whole replaces the policy. */
const saysPolicy = (method: string, body: unknown): boolean =>
  method === 'put' || (isObject(body) && isObject(body.settings) && 'policy' in body.settings);

/** One, or some of many. */
const makesOwner = (body: unknown): boolean =>
  isObject(body) &&
  (body.role === 'owner' || Object.values(body).some((one) => Array.isArray(one) && one.some(makesOwner)));

const operationsOf = (body: unknown): unknown[] =>
  isObject(body) && Array.isArray(body.operations) ? body.operations : [];

const userOf = (given: unknown): string[] =>
  isObject(given) && typeof given.user_id === 'string' ? [given.user_id] : [];

const isObject = (given: unknown): given is Record<string, unknown> => typeof given === 'object' && given !== null;
