// Claims asked for one by one (OpenID Connect Core §5.5), told in the words of the scope they belong to.
import { claimsByScope } from '../../../config/protocol.js';

/** @returns scopes that have one of these claims, but those that are asked for as a whole. */
export const scopesOfClaims = (claims: readonly string[], besides: readonly string[]): string[] =>
  Object.entries(claimsByScope)
    .filter(([scope, members]) => !besides.includes(scope) && members.some((claim) => claims.includes(claim)))
    .map(([scope]) => scope);

const scopeOf: ReadonlyMap<string, string> = new Map(
  Object.entries(claimsByScope).flatMap(([scope, claims]) => claims.map((claim): [string, string] => [claim, scope])),
);

/**
 * What a client may not ask for as a whole it may not ask for piece by piece.
 * @param registered `scope` of the client; undefined where it may ask for all. @returns those of the claims that it may ask for.
 */
export function claimsWithin(claims: readonly string[], registered: string | undefined): string[] {
  const scopes = registered === undefined ? undefined : new Set(['openid', ...registered.split(' ')]);
  return claims.filter((claim) => !scopes || scopes.has(scopeOf.get(claim) ?? 'openid'));
}

/** @param claims the parameter, parsed. @returns those about people that have words: nobody can agree to others. */
export function namedClaims({ id_token, userinfo }: { id_token?: object | null; userinfo?: object | null }): string[] {
  const names = new Set([...Object.keys(id_token ?? {}), ...Object.keys(userinfo ?? {})]);
  return [...names].filter((name) => scopeOf.has(name));
}
