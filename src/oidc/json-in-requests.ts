// Parameters that hold JSON, signed or not, are read once before the engine reads them: what two readers could understand differently, what has
// a header that changes how all of it is read, and what is nested without end, is refused in the words the engine has for what it cannot read.
import { errors, type Provider } from 'oidc-provider';
import { inspectJson } from '../platform/json-body.js';

type Refuse = () => Error;

/** A further parameter is a further line. */
const jwts: readonly [string, Refuse][] = [
  ['client_assertion', () => new errors.InvalidRequest('invalid client_assertion format')],
  ['request', () => new errors.InvalidRequestObject('could not parse Request Object')],
  ['id_token_hint', () => new errors.InvalidRequest('could not validate id_token_hint')],
];
const texts: readonly [string, Refuse][] = [
  ['claims', () => new errors.InvalidRequest('could not parse the claims parameter JSON')],
];

const PARAMS = Symbol('params');

/** The engine sets `params` where it has read a request, and looks at nothing in them before. */
export function readStrictly(provider: Provider): void {
  Object.defineProperty(provider.OIDCContext.prototype, 'params', {
    get(this: { [PARAMS]?: unknown }): unknown {
      return this[PARAMS];
    },
    set(this: { [PARAMS]?: unknown }, params: Record<string, unknown> | undefined): void {
      for (const [name, refuse] of jwts) if (isAmbiguousJwt(params?.[name])) throw refuse();
      for (const [name, refuse] of texts) if (isAmbiguousJson(params?.[name])) throw refuse();
      this[PARAMS] = params;
    },
  });
}

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

function isAmbiguousJson(text: unknown): boolean {
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
