import { Resource, type ResourceServer } from './resource.entity.js';
import type { ResourceScope } from './resource.schema.js';

interface Asking {
  /** A person takes part, and is asked. */
  person: boolean;
  /** Where what the client is registered for are its own words alone: the scopes that somebody lets it have. */
  ceiling: readonly string[] | undefined;
  /** These words are a document's. */
  hasDocument: boolean;
}

/**
 * A client gets what its registration lists; where it names none, everything that a person agrees to at a resource of the tenant. One whose registration
 * are its own words gets no more than its ceiling, but at a resource that is open to such clients, where a person agrees; one with a document nothing of
 * our own API.
 * @param listed the scopes in the client's registration, undefined where it names none.
 */
export function grantableScopes(
  resource: ResourceServer,
  listed: readonly string[] | undefined,
  { person, ceiling, hasDocument }: Asking,
): ResourceScope[] {
  const isOurs = !(resource instanceof Resource);
  if (isOurs && hasDocument) return [];
  const isOpen = !isOurs && person && resource.dynamicClients;
  const lists = (name: string) => (listed ? listed.includes(name) : !isOurs && person);
  return resource.scopes.filter(({ name }) => lists(name) && (isOpen || !ceiling || ceiling.includes(name)));
}
