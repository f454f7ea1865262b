// What must be true of a logout token beside its signature (OpenID Connect Back-Channel Logout 1.0 §2.6). Pure.
import type { Check } from '../features/connections/check.js';
import type { Claims } from './id-token.js';
import { shown } from './refusal.js';

const event = 'http://schemas.openid.net/event/backchannel-logout';

export interface ExpectedLogoutToken {
  issuer: string;
  clientId: string;
  now: number;
  tolerance: number;
  /** Seconds that one is good at most: its jti is remembered as long. */
  longest: number;
}

export function checksOfLogoutToken(
  header: Claims,
  claims: Claims,
  { issuer, clientId, now, tolerance, longest }: ExpectedLogoutToken,
): Check[] {
  const { iss, aud, exp, iat, jti, events, sub, sid } = claims;
  const check = (name: string, passed: boolean, more: Omit<Check, 'check' | 'passed'> = {}) => ({
    ...{ check: `logout_token_${name}`, passed },
    ...more,
  });
  const ends = isDate(exp) ? exp : isDate(iat) ? iat + longest : 0;
  return [
    // Without a name of its own in `typ`, `events` and the missing nonce keep it apart from an ID token (§2.4).
    check('type', header.typ === undefined || /^(application\/)?(logout\+)?jwt$/i.test(String(header.typ)), {
      seen: shown(header.typ),
      expected: 'logout+jwt',
    }),
    check('issuer', iss === issuer, { seen: shown(iss), expected: issuer, setting: 'oidc.issuer' }),
    check('audience', [aud].flat().includes(clientId), {
      seen: shown(aud),
      expected: clientId,
      setting: 'oidc.client_id',
    }),
    check('issued_at', isDate(iat) && iat <= now + tolerance, { seen: shown(iat), expected: `not after ${now}` }),
    check('expiry', ends > now - tolerance && ends <= now + longest + tolerance, {
      seen: shown(exp),
      expected: `after ${now}`,
    }),
    check('jti', isName(jti)),
    check('events', hasEvent(events), { expected: event }),
    check('nonce', claims.nonce === undefined, { expected: 'absent' }),
    check(
      'subject',
      (isName(sub) || sub === undefined) && (isName(sid) || sid === undefined) && (sub ?? sid) !== undefined,
    ),
  ];
}

/** The member is there and is an object, empty as a rule. */
function hasEvent(events: unknown): boolean {
  if (typeof events !== 'object' || events === null) return false;
  const said = (events as Record<string, unknown>)[event];
  return typeof said === 'object' && said !== null && !Array.isArray(said);
}

const isName = (value: unknown): value is string => typeof value === 'string' && /^[\x20-\x7e]{1,255}$/.test(value);
const isDate = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
