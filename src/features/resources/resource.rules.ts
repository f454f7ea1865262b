import { Resource, type ResourceServer } from './resource.entity.js';
import type { ResourceScope } from './resource.schema.js';

/**
 * Nobody is asked for consent where no person takes part, and nobody can agree to more for the server's own API than the client was given:
 * both only what the client's registration lists. What a document lists is its author's own word: for the server's own API it counts for nothing.
 * @param listed the scopes in the client's registration, undefined where it names none.
 * @param ofDocument whether that is a document at the address of the client (OAuth Client ID Metadata Document).
 */
export function grantableScopes(
  resource: ResourceServer,
  listed: readonly string[] | undefined,
  { person, ofDocument }: { person: boolean; ofDocument: boolean },
): ResourceScope[] {
  const isOurs = !(resource instanceof Resource);
  if (isOurs && ofDocument) return [];
  const onlyListed = isOurs || !person;
  return resource.scopes.filter(({ name }) => (listed ? listed.includes(name) : !onlyListed));
}
