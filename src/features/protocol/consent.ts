// What somebody has agreed to for a client, and what becomes of it when more is agreed to, or refused.
import type { Payload } from './handles.js';

/** Scopes and claims agreed to (and refused), by OpenID Connect and by resource (RFC 8707). */
export interface Consent {
  openid?: { scope?: string; claims?: string[] };
  resources?: Record<string, string>;
  rejected?: { openid?: { scope?: string; claims?: string[] }; resources?: Record<string, string> };
}

export const scopesOf = ({ openid, resources }: Consent) =>
  [openid?.scope, ...Object.values(resources ?? {})].filter(Boolean).join(' ');

/** What is agreed to now is no longer refused, and the other way round. */
export function merge(payload: Payload & Consent, consent: Consent): Payload & Consent {
  const { jti, iat, exp, ...rest } = payload;
  const given = together(rest, consent);
  const refused = subtract(together(rest.rejected ?? {}, consent.rejected ?? {}), consent);
  return { ...rest, ...subtract(given, consent.rejected ?? {}), rejected: refused };
}

/** What one request was given of it. */
export function partOf(
  { openid, resources }: Consent,
  request: { scope: string; claims: readonly string[]; resources: readonly string[] },
): Consent {
  const asked = (scope: string | undefined) =>
    words(scope)
      .filter((word) => words(request.scope).includes(word))
      .join(' ');
  return {
    openid: {
      scope: asked(openid?.scope),
      claims: (openid?.claims ?? []).filter((claim) => request.claims.includes(claim)),
    },
    resources: Object.fromEntries(
      request.resources.map((identifier) => [identifier, asked(resources?.[identifier])] as const),
    ),
  };
}

/** Whatever one of them holds. */
export function together(a: Consent, b: Consent): Consent {
  const resources = Object.fromEntries(
    [...new Set([...Object.keys(a.resources ?? {}), ...Object.keys(b.resources ?? {})])].map((identifier) => [
      identifier,
      union(a.resources?.[identifier], b.resources?.[identifier]),
    ]),
  );
  return {
    openid: {
      scope: union(a.openid?.scope, b.openid?.scope),
      claims: [...new Set([...(a.openid?.claims ?? []), ...(b.openid?.claims ?? [])])],
    },
    resources,
  };
}

function subtract(a: Consent, b: Consent): Consent {
  return {
    openid: {
      scope: minus(a.openid?.scope, b.openid?.scope),
      claims: (a.openid?.claims ?? []).filter((claim) => !b.openid?.claims?.includes(claim)),
    },
    resources: Object.fromEntries(
      Object.entries(a.resources ?? {}).map(([identifier, scope]) => [
        identifier,
        minus(scope, b.resources?.[identifier]),
      ]),
    ),
  };
}

const words = (scope: string | undefined) => (scope ?? '').split(' ').filter(Boolean);
const union = (a: string | undefined, b: string | undefined) => [...new Set([...words(a), ...words(b)])].join(' ');
const minus = (a: string | undefined, b: string | undefined) =>
  words(a)
    .filter((word) => !words(b).includes(word))
    .join(' ');
