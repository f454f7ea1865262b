import { type DetailsAsking, mayAskFor } from './details.rules.js';
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

/**
 * RFC 8707 §2: a resource may decide by the audience alone, so that a token without scopes is one as well. Nobody gets it who can be given nothing there:
 * it is for clients that have scopes or may ask for details, and where there are no scopes at all, for those an administrator has registered, and others
 * where the resource is open to them.
 * @param grantable as grantableScopes says.
 */
export function isForClient(
  resource: ResourceServer,
  grantable: readonly ResourceScope[],
  asking: DetailsAsking,
): boolean {
  if (grantable.length > 0) return true;
  if (resource.scopes.length === 0 && (!asking.dynamic || resource.dynamicClients)) return true;
  return (resource.authorizationDetailsTypes ?? []).some(({ type }) => mayAskFor(resource, type, asking));
}
