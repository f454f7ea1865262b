import { currentTenantId } from '../../platform/context.js';
import { endpoint } from '../../platform/endpoint.js';
import { present } from '../maintenance/maintenance.schema.js';
import type { Maintenance } from '../maintenance/maintenance.service.js';
import { HealthView, presentCheck } from './health.schema.js';
import type { Health } from './health.service.js';

export const healthRoutes = (health: Health, maintenance: Maintenance, versions: { ostiary: string; node: string }) => [
  endpoint({
    method: 'get',
    path: '/health',
    scope: 'health:read',
    summary: 'Read how what the server stands on is',
    description:
      'Asked while you wait, each for a second at most: healthy, configured (set up, and not known to be well), not_configured (and not needed) or misconfigured. Signing keys are those of this tenant; uptime is that of the process that answers.',
    response: HealthView,
    async handle() {
      const found = Object.entries(await health.look(currentTenantId()));
      const well = found.every(([, { status }]) => status !== 'misconfigured');
      return {
        status: well ? 'healthy' : 'misconfigured',
        started_at: health.startedAt.toISOString(),
        uptime_seconds: health.uptimeSeconds,
        versions,
        maintenance: present(await maintenance.current()),
        checks: Object.fromEntries(found.map(([name, check]) => [name, presentCheck(check)])),
      };
    },
  }),
];
