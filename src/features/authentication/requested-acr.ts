// Which class of authentication a request asks for (OpenID Connect Core §3.1.2.1 acr_values, §5.5.1.1 the claim acr), and what it is answered. Pure.
import { type Acr, strength } from './assurance.js';

/** What a request says, whether or not it is a class of ours. */
export interface RequestedAcr {
  /** In order of preference. */
  values: string[];
  /** It cannot be answered with less. */
  essential: boolean;
}

export interface AskedAcr {
  /** The weakest class of ours that satisfies the request. */
  acr: Acr;
  essential: boolean;
}

/** @param params of an authorization request, as the engine has checked them. Where both say something, what is essential goes first, then acr_values. */
export function requestedAcr({ acr_values, claims }: Readonly<Record<string, unknown>>): RequestedAcr {
  const claim = acrClaim(claims);
  const named = [claim?.value, claim?.values].flat().filter((value): value is string => typeof value === 'string');
  const essential = claim?.essential === true && (claim.value !== undefined || claim.values !== undefined);
  if (essential) return { values: named, essential };
  const voluntary = String(acr_values ?? '')
    .split(' ')
    .filter(Boolean);
  return { values: voluntary.length > 0 ? voluntary : named, essential };
}

export function askedAcr(params: Readonly<Record<string, unknown>>): AskedAcr | undefined {
  const { values, essential } = requestedAcr(params);
  const ours = values.filter((value): value is Acr => strength(value) >= 0);
  const [weakest] = ours.sort((a, b) => strength(a) - strength(b));
  return weakest && { acr: weakest, essential };
}

/** Classes are met by stronger ones; a name that is not ours by nothing. */
export const meets = (reached: string | undefined, wanted: string): boolean =>
  strength(wanted) >= 0 && strength(reached) >= strength(wanted);

/** The claim acr: of what was asked for the first that is met, so that it is one of the requested values; else what was reached. */
export const answeredAcr = ({ values }: RequestedAcr, reached: string | undefined): string | undefined =>
  values.find((value) => meets(reached, value)) ?? reached;

interface AcrClaim {
  essential?: unknown;
  value?: unknown;
  values?: unknown;
}

function acrClaim(claims: unknown): AcrClaim | undefined {
  if (typeof claims !== 'string') return undefined;
  const { id_token } = JSON.parse(claims) as { id_token?: { acr?: AcrClaim | null } };
  return id_token?.acr ?? undefined;
}
