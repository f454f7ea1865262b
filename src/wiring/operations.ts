// What whoever runs the installation does with it: closes it for maintenance.
import { Maintenance } from '../features/maintenance/maintenance.service.js';
import { MaintenanceFlags } from '../features/maintenance/maintenance-flags.js';
import type { Ground } from './ground.js';

export type Operations = ReturnType<typeof openOperations>;

export function openOperations({ db, tenants, audit, clock, redis, logger }: Ground) {
  const flags = redis && new MaintenanceFlags(redis.client, logger);
  return { maintenance: new Maintenance(db, tenants, audit, clock, flags) };
}
