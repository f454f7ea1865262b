// What a client's profile asks of every message that the client signs, wherever the engine leaves that to us: assertions, request objects, proofs.
import { settingsOf } from '../features/clients/client-settings.js';
import { demandsOf, type Profile } from '../features/clients/profiles.js';
import { epochSeconds } from '../platform/clock.js';

export const profileOf = (client: unknown): Profile | undefined => settingsOf(client).profile;

/** Under which name the engine knows it. */
export function fapiProfile(client: unknown): '2.0' | '1.0 Final' | undefined {
  const profile = profileOf(client);
  if (profile === 'fapi2') return '2.0';
  return profile === 'fapi1_advanced' ? '1.0 Final' : undefined;
}

/** FAPI 2.0 §5.4.1, FAPI 1.0 Part 2 §8.6: whoever signs. */
export const takesAlgorithm = (client: unknown, algorithm: string): boolean =>
  demandsOf(profileOf(client))?.algorithms.includes(algorithm) ?? true;

/**
 * FAPI 2.0 §5.3.2.1 no. 13 and §5.4.1, FAPI 1.0 Part 2 §8.6.
 * @returns what is wrong with it in words, undefined where nothing is.
 */
export function signingProblem(
  client: unknown,
  header: { alg?: unknown },
  claims: { iat?: unknown; nbf?: unknown },
): string | undefined {
  const asked = demandsOf(profileOf(client));
  if (!asked) return undefined;
  if (!takesAlgorithm(client, String(header.alg))) return `alg must be ${asked.algorithms.join(' or ')}`;
  if (asked.ahead === undefined) return undefined;
  const latest = epochSeconds(new Date()) + asked.ahead;
  const ahead = (['iat', 'nbf'] as const).find((claim) => Number(claims[claim]) > latest);
  return ahead && `${ahead} is more than ${asked.ahead} seconds in the future`;
}
