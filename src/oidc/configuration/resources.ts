// For which resource a token is (RFC 8707), and which of them everybody is told of (RFC 9728).
import { resourceOfDetails } from '../authorization-details.js';
import type { EngineContext } from '../engine-types.js';
import { createResourceServerInfo } from '../resources.js';
import type { Chapter } from './chapter.js';

export const resources: Chapter = (deps, { detailsTypes, openResources }) => ({
  // RFC 9728 §4: the others are known to whoever has registered here for them.
  discovery: openResources.length > 0 ? { protected_resources: openResources } : {},
  features: {
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: createResourceServerInfo(deps.resources) as never,
      // Of several that were granted the client names one; a request without any is for what its details are for.
      defaultResource: ((ctx: EngineContext, _client: unknown, oneOf?: string[]) =>
        oneOf ?? resourceOfDetails(ctx.oidc.params?.authorization_details, detailsTypes)) as never,
      // Details say what a token is for, so that nobody has to say it again; without them a token without a resource is for UserInfo.
      useGrantedResource: (_ctx, model) => Boolean((model as { rar?: unknown[] }).rar?.length),
    },
  },
});
