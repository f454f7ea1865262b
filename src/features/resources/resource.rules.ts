import { Resource, type ResourceServer } from './resource.entity.js';
import type { ResourceScope } from './resource.schema.js';

/**
 * Nobody is asked for consent where no person takes part, and nobody can agree to more for the server's own API than the client was given:
 * both only what the client's registration lists.
 * @param listed the scopes in the client's registration, undefined where it names none.
 */
export function grantableScopes(
  resource: ResourceServer,
  listed: readonly string[] | undefined,
  { person }: { person: boolean },
): ResourceScope[] {
  const onlyListed = !(resource instanceof Resource) || !person;
  return resource.scopes.filter(({ name }) => (listed ? listed.includes(name) : !onlyListed));
}
