// The parameters by which an application says at which identity provider its people sign in: `connection`, and `idp_hint`, as other servers name it.
import { errors } from 'oidc-provider';
import type { EngineContext } from './engine-types.js';

/** A hint that nobody knows is none (as OpenID Connect Core §3.1.2.1 login_hint); what could be no name of one is a mistake of the application. */
export function checkHint(_ctx: EngineContext, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== 'string' || !/^[\w.:@-]{1,255}$/.test(value))
    throw new errors.InvalidRequest('connection and idp_hint must be the key of an identity provider');
}
