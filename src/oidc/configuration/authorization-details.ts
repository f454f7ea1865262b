// Details of what a client wants to do, beside scopes (RFC 9396): each type is registered with the resources that take it.
import { agreedDetails, detailsForIntrospection, detailsForToken, detailsTypes } from '../authorization-details.js';
import type { EngineContext } from '../engine-types.js';
import type { Chapter } from './chapter.js';

export const authorizationDetails: Chapter = ({ resources }, issuer) => ({
  features: {
    // Also where there are no types: what nobody knows is refused, not passed over (§5).
    richAuthorizationRequests: {
      enabled: true,
      types: detailsTypes(resources, issuer.detailsTypes),
      authorizationDetailsForGrantSource: (ctx: EngineContext) => agreedDetails(ctx.oidc),
      authorizationDetailsForAccessToken: (ctx: EngineContext, token: object, source: object) =>
        detailsForToken(resources, ctx, token, source),
      authorizationDetailsForIntrospection: (
        ctx: EngineContext,
        token: Parameters<typeof detailsForIntrospection>[2],
      ) => detailsForIntrospection(resources, ctx, token),
    } as never,
  },
});
