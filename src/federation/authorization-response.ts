// What the browser has brought back (RFC 6749 §4.1.2, RFC 9207), before anything is asked of the identity provider. Pure.
import type { Check } from '../features/connections/check.js';
import { shown } from './refusal.js';

const once = ['state', 'code', 'iss', 'error', 'error_description', 'id_token', 'access_token', 'response'] as const;
const longestCode = 8192;

export interface ExpectedSender {
  /** Absent where nobody has said it: OAuth 2.0 alone knows no issuer. */
  issuer?: string | undefined;
  /** `authorization_response_iss_parameter_supported` of its metadata. */
  saysIssuer: boolean;
}

/** `state` is not here: whoever found the request by it has checked it. */
export function checksOfResponse(answer: URLSearchParams, { issuer, saysIssuer }: ExpectedSender): Check[] {
  return [formOf(answer), ...senderOf(answer, issuer, saysIssuer), ...outcomeOf(answer)];
}

function formOf(answer: URLSearchParams): Check {
  const repeated = once.filter((name) => answer.getAll(name).length > 1);
  // RFC 6749 §3.1: nothing stands twice. Tokens in an address were not asked for, and others may have read them.
  const unasked = (['id_token', 'access_token', 'response'] as const).filter((name) => answer.has(name));
  const wrong = [...repeated, ...unasked];
  return { check: 'response_form', passed: wrong.length === 0, ...(wrong.length > 0 ? { seen: wrong } : {}) };
}

/** RFC 9207 §2.4: an answer of another one is refused, and so is one without a name from whoever says that it gives one. */
function senderOf(answer: URLSearchParams, issuer: string | undefined, saysIssuer: boolean): Check[] {
  const iss = answer.get('iss');
  if (issuer === undefined || (iss === null && !saysIssuer)) return [];
  return [
    { check: 'response_issuer', passed: iss === issuer, seen: shown(iss), expected: issuer, setting: 'oidc.issuer' },
  ];
}

function outcomeOf(answer: URLSearchParams): Check[] {
  const error = answer.get('error');
  if (error !== null) return [{ check: 'response_error', passed: false, seen: shown(error).slice(0, 64) }];
  const code = answer.get('code') ?? '';
  return [{ check: 'response_code', passed: code.length > 0 && code.length <= longestCode }];
}
