// Which class of authentication a request asks for (OpenID Connect Core §3.1.2.1 acr_values, §5.5.1.1 acr as an essential claim).
import { type Acr, strength } from './assurance.js';

export interface AskedAcr {
  /** The weakest class of ours that satisfies the request. */
  acr: Acr;
  /** It cannot be answered with less. */
  essential: boolean;
}

/** @param params of an authorization request, as the engine has checked them. */
export function askedAcr({ acr_values, claims }: Readonly<Record<string, unknown>>): AskedAcr | undefined {
  const claim = acrClaim(claims);
  const essential = claim?.essential === true && (claim.value !== undefined || claim.values !== undefined);
  const named = essential ? [claim.value, claim.values].flat() : String(acr_values ?? '').split(' ');
  const ours = named.filter((value): value is Acr => typeof value === 'string' && strength(value) >= 0);
  const [weakest] = ours.sort((a, b) => strength(a) - strength(b));
  return weakest && { acr: weakest, essential };
}

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
