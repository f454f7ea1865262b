// The parameters of a request, as the engine gets to see them. It sets `params` where it has read a request, and looks at nothing in them before.
import type { Provider } from 'oidc-provider';
import { refuseAmbiguous } from './json-in-requests.js';

type Parameters = Record<string, unknown>;

const PARAMS = Symbol('params');

export function readParameters(provider: Provider): void {
  Object.defineProperty(provider.OIDCContext.prototype, 'params', {
    get(this: { [PARAMS]?: Parameters }): Parameters | undefined {
      return this[PARAMS];
    },
    set(this: { [PARAMS]?: Parameters | undefined; route: string }, params: Parameters | undefined): void {
      if (params) refuseAmbiguous(params);
      this[PARAMS] = params && this.route === 'token' ? sent(params) : params;
    },
  });
}

/** The engine notes every parameter that any grant type has, and goes through all of them again and again: those that were not sent stay away. */
function sent(params: Parameters): Parameters {
  const some = Object.create(Object.getPrototypeOf(params)) as Parameters;
  for (const name of Object.keys(params)) if (params[name] !== undefined) some[name] = params[name];
  return some;
}
