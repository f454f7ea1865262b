// On top of organizations: the identity providers that they and the tenant trust.
import { ConnectionService } from '../features/connections/connection.service.js';
import type { Ground } from './ground.js';

export type Connections = ReturnType<typeof openConnections>;

export function openConnections({ db }: Ground) {
  return { connections: new ConnectionService(db) };
}
