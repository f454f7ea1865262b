// What whoever runs the installation does with it: closes it for maintenance, and looks how what it stands on is.
import {
  databaseCheck,
  jobsCheck,
  type KeyState,
  mailCheck,
  redisCheck,
  signingKeysCheck,
  storageCheck,
} from '../features/health/health.checks.js';
import { Health } from '../features/health/health.service.js';
import { keyState } from '../features/keys/key-state.js';
import { Maintenance } from '../features/maintenance/maintenance.service.js';
import { MaintenanceFlags } from '../features/maintenance/maintenance-flags.js';
import type { Ground } from './ground.js';

export type Operations = ReturnType<typeof openOperations>;

export function openOperations(ground: Ground) {
  const { config, db, tenants, audit, clock, redis, logger, mailHealth, jobs, embedded } = ground;
  const flags = redis && new MaintenanceFlags(redis.client, logger);
  const serverVersion = async () => {
    const [row] = await db.manager.query<{ version: string }[]>(
      `SELECT split_part(current_setting('server_version'), ' ', 1) AS version`,
    );
    return row?.version ?? '';
  };
  const keysOfTenant = async (): Promise<KeyState> => {
    const tenant = await tenants.current();
    const found = await keyState(ground, tenant).catch(() => undefined);
    if (!found) return 'sealed';
    if (found.overdue) return 'overdue';
    return found.open > 0 ? 'open' : 'none';
  };
  const folders = {
    ...(embedded ? { database: config.dataDir } : {}),
    ...(config.auditArchiveDir ? { 'audit archive': config.auditArchiveDir } : {}),
  };
  const health = new Health(
    {
      database: () => databaseCheck(serverVersion, embedded),
      redis: () => redisCheck(redis && (() => redis.client.ping())),
      storage: () => storageCheck(folders),
      mail: () => mailCheck(config.mailUrl ? () => mailHealth.known() : undefined, config.environment === 'production'),
      jobs: () => jobsCheck(() => jobs.queue()),
      signing_keys: () => signingKeysCheck(keysOfTenant),
    },
    clock,
  );
  return { maintenance: new Maintenance(db, tenants, audit, clock, flags), health };
}
