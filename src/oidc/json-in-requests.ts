// Parameters that hold JSON, signed or not, are read once before the engine reads them: what two readers could understand differently, what has
// a header that changes how all of it is read, and what is nested without end, is refused in the words the engine has for what it cannot read.
import { errors } from 'oidc-provider';
import { isAmbiguousJson, isAmbiguousJwt } from '../platform/strict-jwt.js';

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

/** @throws what the engine would, in its words. */
export function refuseAmbiguous(params: Readonly<Record<string, unknown>>): void {
  for (const [name, refuse] of jwts) if (isAmbiguousJwt(params[name])) throw refuse();
  for (const [name, refuse] of texts) if (isAmbiguousJson(params[name])) throw refuse();
}
