// What must be true of an assertion beside its signature (RFC 7523 §3, RFC 7521 §5.2, RFC 8725 §3.11): a pure table.
import type { JWTHeaderParameters, JWTPayload } from 'jose';

export interface Expected {
  /** This issuer, as a string: in a list another server may stand, which could show it here. */
  audience: string;
  /** NumericDate. */
  now: number;
  /** Seconds that clocks may differ. */
  tolerance: number;
  /** Seconds that an assertion lives at most; its jti is remembered as long. */
  longest: number;
}

/** @returns what is wrong, undefined where nothing is. */
export function problemOf(
  header: Pick<JWTHeaderParameters, 'typ'>,
  claims: JWTPayload,
  { audience, now, tolerance, longest }: Expected,
): string | undefined {
  // A JWT that says it is for something else (an access token, a DPoP proof, a logout token) is no assertion.
  if (header.typ !== undefined && header.typ.toUpperCase() !== 'JWT') return 'typ is of another kind of JWT';
  if (typeof claims.sub !== 'string' || claims.sub === '') return 'sub is missing';
  if (claims.aud !== audience) return 'aud must be the issuer, as a string';
  if (!isDate(claims.exp)) return 'exp is missing';
  if (claims.exp + tolerance <= now) return 'it has expired';
  if (claims.exp > now + longest + tolerance) return 'it lives too long';
  if (claims.nbf !== undefined && !(isDate(claims.nbf) && claims.nbf <= now + tolerance)) return 'it is not good yet';
  if (claims.iat !== undefined && !(isDate(claims.iat) && claims.iat <= now + tolerance))
    return 'it was issued in the future';
  if (claims.jti !== undefined && (typeof claims.jti !== 'string' || claims.jti === '')) return 'jti must be text';
  // RFC 7800 §3: whoever shows it would have to prove that they hold a key, and there is no way to do so here.
  if (claims.cnf !== undefined) return 'it is bound to a key';
  return undefined;
}

/** RFC 8693 §4.2: a JWT may say for which scope it is; one that says nothing is for what its issuer is trusted for. */
export const says = (scope: unknown, name: string): boolean =>
  scope === undefined || String(scope).split(' ').includes(name);

const isDate = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
