// On top of organizations: the identity providers that they and the tenant trust, and who comes in by them.
import { openConnectionSettings } from './connection-settings.js';
import type { Ground } from './ground.js';
import type { Organizations } from './organizations.js';

export type Connections = ReturnType<typeof openConnections>;

export function openConnections(ground: Ground, organizations: Organizations) {
  return {
    ...openConnectionSettings(ground, organizations, () => ({ ok: false, reason: 'not_read' }), {
      async ended() {},
      isKnown: async () => false,
    }),
  };
}
