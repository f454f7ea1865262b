// Of the fifth rung (connections.ts): what identity providers are told to do, and who is sent there.
import { ConnectionService } from '../features/connections/connection.service.js';
import { ConnectionAdmission } from '../features/connections/connection-admission.js';
import type { ConnectionHooks } from '../features/connections/connection-hooks.js';
import { ConnectionKeys } from '../features/connections/connection-keys.js';
import type { MetadataReader } from '../features/connections/connection-metadata.js';
import { ConnectionRefresh } from '../features/connections/connection-refresh.js';
import { ConnectionSecrets } from '../features/connections/connection-secret.js';
import type { Ground } from './ground.js';
import type { Organizations } from './organizations.js';

/** @param hooks who stands above: those who keep who came by a connection. */
export function openConnectionSettings(
  { db, audit, clock, sealer, caching, egress, jobs, rateLimits, limits }: Ground,
  { standings }: Organizations,
  readMetadata: MetadataReader,
  hooks: ConnectionHooks,
) {
  const admission = new ConnectionAdmission(db, standings);
  const secrets = new ConnectionSecrets(sealer, clock);
  const keys = new ConnectionKeys(db, audit, sealer, clock, admission);
  const questions = rateLimits.limiter({ name: 'connection_reads', ...limits.connectionReads });
  const refresh = new ConnectionRefresh(db, audit, clock, egress, readMetadata, jobs, hooks, questions);
  return {
    connections: new ConnectionService({
      ...{ db, audit, clock, caching, admission, keys, secrets, refresh, readMetadata, hooks },
    }),
    connectionKeys: keys,
    connectionSecrets: secrets,
    connectionRefresh: refresh,
  };
}
