// A JWT that two readers could understand differently is good for nothing, whoever has signed it: asked of each one before it is verified.
import { inspectJson } from './json-body.js';

/**
 * RFC 7515 §2: base64url has no padding, and no other characters. §4.1.11: a header that must be understood is one that nothing here does; RFC 7797
 * §7: no JWT has `b64`. RFC 7519 §4, RFC 7515 §4: no name stands twice. What is no JWT at all is left to whoever reads it.
 */
export function isAmbiguousJwt(jwt: unknown): boolean {
  if (typeof jwt !== 'string') return false;
  const parts = jwt.split('.');
  if (!parts.every((part) => /^[\w-]*$/.test(part))) return true;
  if (parts.length !== 3) return false;
  const [header, claims] = parts.map((part) => Buffer.from(part, 'base64url').toString());
  return isAmbiguousJson(header) || isAmbiguousJson(claims) || saysHowToRead(header ?? '');
}

export function isAmbiguousJson(text: unknown): boolean {
  if (typeof text !== 'string' || !isJson(text)) return false;
  try {
    inspectJson(text);
    return false;
  } catch {
    return true;
  }
}

function saysHowToRead(header: string): boolean {
  if (!isJson(header)) return false;
  const members = JSON.parse(header) as object | null;
  return typeof members === 'object' && members !== null && ('crit' in members || 'b64' in members);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
