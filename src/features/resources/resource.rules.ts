import { type DetailsAsking, mayAskFor } from './details.rules.js';
import { Resource, type ResourceServer } from './resource.entity.js';
import type { ResourceScope } from './resource.schema.js';

interface Asking {
  /** A person takes part, and is asked. */
  person: boolean;
  /** The client has registered itself: what its registration does not name, nobody has given it. */
  dynamic: boolean;
  /** Where what it is registered for are its own words alone: what the tenant lets such clients ask for. */
  ceiling: readonly string[] | undefined;
}

/**
 * Nobody is asked for consent where no person takes part, and nobody can agree to more for the server's own API than the client was given:
 * both only what the client's registration lists. So it is with a client that registered itself, unless the resource is open to such clients.
 * One of whom there are its own words alone gets what it likes of an open resource, of any other what the tenant lets such clients have, and nothing of
 * our own API.
 * @param listed the scopes in the client's registration, undefined where it names none.
 */
export function grantableScopes(
  resource: ResourceServer,
  listed: readonly string[] | undefined,
  { person, dynamic, ceiling }: Asking,
): ResourceScope[] {
  const isOurs = !(resource instanceof Resource);
  const isOpen = !isOurs && resource.dynamicClients;
  if (isOurs && ceiling) return [];
  const onlyListed = isOurs || !person || (dynamic && !isOpen && !ceiling);
  const asks = (name: string) => (listed ? listed.includes(name) : !onlyListed);
  return resource.scopes.filter(({ name }) => asks(name) && (isOpen || !ceiling || ceiling.includes(name)));
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
