// For which resource a token is (RFC 8707).
import { createResourceServerInfo } from '../resources.js';
import type { Chapter } from './chapter.js';

export const resources: Chapter = (deps) => ({
  features: {
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: createResourceServerInfo(deps.resources) as never,
      defaultResource: (_ctx, _client, oneOf) => oneOf as never,
      useGrantedResource: () => false,
    },
  },
});
