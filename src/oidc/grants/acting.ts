// Who acts (RFC 8693 §4.1) is a claim of the token: kept beside it until the engine asks for the claims it does not know.
import type { Act } from '../../features/exchange/act.js';

const acts = new WeakMap<object, Act>();

export function saysWhoActs(token: object, act: Act | undefined): void {
  if (act) acts.set(token, act);
}

/** extraTokenClaims: in a JWT access token, and at introspection of an opaque one. */
export function actOf(token: object): { act: Act } | undefined {
  const act = acts.get(token);
  return act && { act };
}
