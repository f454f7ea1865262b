// Client-Initiated Backchannel Authentication (OpenID Connect CIBA), poll and ping: what a request may hold, and whom it is put to.
import { errors } from 'oidc-provider';
import { lifetimes } from '../../../config/protocol.js';
import type { BackchannelRequests } from '../../features/backchannel-requests/backchannel-requests.js';
import { askPerson, assertBindingMessage, personOf } from '../ciba.js';
import type { ConfigurationDependencies, Chapter } from './chapter.js';

type WithRequests = ConfigurationDependencies & { backchannelRequests: BackchannelRequests };

/** What nobody offers here is refused, not passed over: the client would believe that it counts. */
const unsupported = (name: string) => (value: string | undefined) => {
  if (value !== undefined) throw new errors.InvalidRequest(`${name} is not supported`);
};

export const ciba = ((deps: WithRequests) => ({
  ttl: {
    // §7.1 requested_expiry: less than usual if it likes, never more.
    BackchannelAuthenticationRequest: (ctx: { oidc: { params?: Record<string, unknown> } }) =>
      Math.min(Number(ctx.oidc.params?.requested_expiry ?? lifetimes.deviceCode), lifetimes.deviceCode),
  },
  features: {
    ciba: {
      enabled: true,
      deliveryModes: ['poll', 'ping'],
      processLoginHint: (_ctx, hint) => personOf(deps.users, hint ?? ''),
      processLoginHintToken: (_ctx, token) => void unsupported('login_hint_token')(token) as undefined,
      validateBindingMessage: (_ctx, message) => assertBindingMessage(message),
      validateRequestContext: (_ctx, context) => unsupported('request_context')(context),
      verifyUserCode: (_ctx, _account, code) => unsupported('user_code')(code),
      triggerAuthenticationDevice: (_ctx, request) => askPerson(deps.backchannelRequests, request, new Date()),
    },
  },
})) as unknown as Chapter;
