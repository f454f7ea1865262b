// What must be true of an ID token beside its signature (OpenID Connect Core §3.1.3.7, RFC 8725): a pure table, in which every line is kept.
import { hash } from 'node:crypto';
import type { Check } from '../features/connections/check.js';
import { shown } from './refusal.js';

export type Claims = Readonly<Record<string, unknown>>;

export interface ExpectedIdToken {
  issuer: string;
  clientId: string;
  nonce: string;
  /** Of the access token beside it, by the algorithm of this token. */
  atHash: string;
  /** NumericDate: now, and when the request was sent. */
  now: number;
  sentAt: number;
  /** Seconds that clocks may differ. */
  tolerance: number;
  maxAge?: number | undefined;
  /** The person was to prove anew who they are. */
  anew: boolean;
}

export function checksOfIdToken(header: Claims, claims: Claims, expected: ExpectedIdToken): Check[] {
  const { issuer } = expected;
  return [
    typeOf(header),
    {
      check: 'id_token_issuer',
      passed: claims.iss === issuer,
      seen: shown(claims.iss),
      expected: issuer,
      setting: 'oidc.issuer',
    },
    ...audienceOf(claims, expected),
    { check: 'id_token_subject', passed: isSubject(claims.sub) },
    ...timesOf(claims, expected),
    { check: 'id_token_nonce', passed: claims.nonce === expected.nonce, ...absent(claims.nonce) },
    ...accessTokenOf(claims, expected),
    ...authenticationOf(claims, expected),
  ];
}

/** RFC 8725 §3.11: a JWT that says it is something else is no ID token. */
const typeOf = ({ typ }: Claims): Check => ({
  check: 'id_token_type',
  passed: typ === undefined || (typeof typ === 'string' && typ.toUpperCase() === 'JWT'),
  seen: shown(typ),
  expected: 'JWT',
});

/** §3.1.3.7 no. 3 to 5: for us; where it is for others too, made at our request. */
function audienceOf({ aud, azp }: Claims, { clientId }: ExpectedIdToken): Check[] {
  const audiences = [aud].flat();
  const setting = 'oidc.client_id';
  const isOurs = audiences.every((one) => typeof one === 'string') && audiences.includes(clientId);
  const party = azp === undefined ? audiences.length === 1 : azp === clientId;
  return [
    { check: 'id_token_audience', passed: isOurs, seen: shown(aud), expected: clientId, setting },
    { check: 'id_token_authorized_party', passed: party, seen: shown(azp), expected: clientId, setting },
  ];
}

/** §2: at most 255 ASCII characters, which are compared as they are. */
const isSubject = (sub: unknown) => typeof sub === 'string' && /^[\x20-\x7e]{1,255}$/.test(sub);

function timesOf({ exp, iat, nbf }: Claims, { now, tolerance }: ExpectedIdToken): Check[] {
  const begun = (date: unknown) => isDate(date) && date <= now + tolerance;
  const at = shown(now);
  return [
    {
      check: 'id_token_expiry',
      passed: isDate(exp) && exp > now - tolerance,
      seen: shown(exp),
      expected: `after ${at}`,
    },
    { check: 'id_token_issued_at', passed: begun(iat), seen: shown(iat), expected: `not after ${at}` },
    ...(nbf === undefined
      ? []
      : [{ check: 'id_token_not_before', passed: begun(nbf), seen: shown(nbf), expected: `not after ${at}` }]),
  ];
}

/** §3.1.3.8: where it is said, it is so; another access token would have been put beside this ID token. */
function accessTokenOf({ at_hash }: Claims, { atHash }: ExpectedIdToken): Check[] {
  return at_hash === undefined ? [] : [{ check: 'id_token_at_hash', passed: at_hash === atHash }];
}

/** @param alg one that is taken: `at_hash` is made by its hash (OpenID Connect Core §3.1.3.6). */
export function halfHash(alg: string, value: string): string {
  const bits = /(256|384)$/.exec(alg)?.[1] ?? '512';
  const digest = hash(`sha${bits}`, value, 'buffer');
  return digest.subarray(0, digest.length / 2).toString('base64url');
}

/** §3.1.2.1: what was asked for is there. Counted from the request: who takes their time over there was asked no later for it. */
function authenticationOf({ auth_time }: Claims, expected: ExpectedIdToken): Check[] {
  const { maxAge, anew, sentAt, tolerance } = expected;
  const checks: Check[] = [];
  const earliest = sentAt - (anew ? 0 : (maxAge ?? 0)) - tolerance;
  const isAsked = maxAge !== undefined || (anew && auth_time !== undefined);
  if (isAsked || (auth_time !== undefined && !isDate(auth_time)))
    checks.push({
      check: 'id_token_auth_time',
      passed: isDate(auth_time) && (!isAsked || auth_time >= earliest),
      seen: shown(auth_time),
      expected: `not before ${earliest}`,
    });
  return checks;
}

const absent = (value: unknown) => (value === undefined ? { seen: 'absent' } : {});
const isDate = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
