import { Resource, type ResourceServer } from './resource.entity.js';
import type { ResourceScope } from './resource.schema.js';

interface Asking {
  /** A person takes part, and is asked. */
  person: boolean;
  /** The client has registered itself: what its registration does not name, nobody has given it. */
  dynamic: boolean;
  /** What it is registered for are its own words alone, which nobody has held against anything. */
  selfDescribed: boolean;
}

/**
 * Nobody is asked for consent where no person takes part, and nobody can agree to more for the server's own API than the client was given:
 * both only what the client's registration lists. So it is with a client that registered itself, unless the resource is open to such clients;
 * one that nobody has given anything asks for these resources alone.
 * @param listed the scopes in the client's registration, undefined where it names none.
 */
export function grantableScopes(
  resource: ResourceServer,
  listed: readonly string[] | undefined,
  { person, dynamic, selfDescribed }: Asking,
): ResourceScope[] {
  const isOpen = resource instanceof Resource && resource.dynamicClients;
  if (selfDescribed && !isOpen) return [];
  const onlyListed = !(resource instanceof Resource) || !person || (dynamic && !isOpen);
  return resource.scopes.filter(({ name }) => (listed ? listed.includes(name) : !onlyListed));
}
