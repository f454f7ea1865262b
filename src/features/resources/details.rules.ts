// Who may ask a resource for which authorization details (RFC 9396): decided when they are sent, when a person is asked, and for every token anew.
import { type Detail, detailsTypeOf } from './details.js';
import { problemOf } from './details.problems.js';
import type { DetailsType } from './details-type.schema.js';
import type { ResourceServer } from './resource.entity.js';

/** Whoever asks. */
export interface DetailsAsking {
  /** A person takes part, and is asked. */
  person: boolean;
  /** The client has registered itself. */
  dynamic: boolean;
  /** Types that an administrator has given the client, where they have said which. */
  types: readonly string[] | undefined;
}

/** Nobody is asked where no person takes part, and nobody has given a client anything that registered itself: only what it was given, or what is open to such. */
export const mayAskFor = (
  { dynamicClients = false }: Pick<ResourceServer, 'dynamicClients'>,
  type: string,
  { person, dynamic, types }: DetailsAsking,
): boolean => (types ? types.includes(type) : person && (!dynamic || dynamicClients));

/** @returns how the resource describes them; undefined where it does not take them of this client, or not as they are. */
export function takes(resource: ResourceServer, detail: Detail, asking: DetailsAsking): DetailsType | undefined {
  const type = mayAskFor(resource, detail.type, asking) ? detailsTypeOf(resource, detail) : undefined;
  return type && problemOf(type, detail) === undefined ? type : undefined;
}
