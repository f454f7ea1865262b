// Client-Initiated Backchannel Authentication (OpenID Connect CIBA), poll and ping: what a request may hold, and whom it is put to.
import { errors } from 'oidc-provider';
import { lifetimes } from '../../../config/protocol.js';
import { askPerson, assertBindingMessage, assertOrganizationNamed, assertReachable, personOf } from '../ciba.js';
import { countSignedRequest } from '../request-object.js';
import type { Chapter } from './chapter.js';

export const ciba: Chapter = ({ users, unknownHints, backchannelRequests, organizationAccess, protocol }) => ({
  ttl: {
    // §7.1 requested_expiry: less than usual if it likes, never more.
    BackchannelAuthenticationRequest: (ctx) =>
      Math.min(Number(ctx.oidc.params?.requested_expiry ?? lifetimes.deviceCode), lifetimes.deviceCode),
  },
  features: {
    ciba: {
      enabled: true,
      deliveryModes: ['poll', 'ping'],
      processLoginHint: (ctx, hint) => personOf({ users, unknownHints }, String(ctx.oidc.client?.clientId), hint ?? ''),
      processLoginHintToken: (_ctx, token) => {
        refuse('login_hint_token', token);
        return undefined;
      },
      validateBindingMessage: (_ctx, message) => assertBindingMessage(message),
      validateRequestContext: (ctx, context) => {
        refuse('request_context', context);
        const params = ctx.oidc.params ?? {};
        assertReachable(params);
        assertOrganizationNamed(params);
        return countSignedRequest(ctx, protocol.replays);
      },
      verifyUserCode: (_ctx, _account, code) => refuse('user_code', code),
      triggerAuthenticationDevice: (_ctx, request) =>
        askPerson({ backchannelRequests, organizationAccess }, request, new Date()),
    },
  },
});

/** What nobody offers here is refused, not passed over: the client would believe that it counts. */
function refuse(name: string, value: string | undefined): void {
  if (value !== undefined) throw new errors.InvalidRequest(`${name} is not supported`);
}
