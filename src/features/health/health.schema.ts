import { z } from 'zod';
import { MaintenanceView } from '../maintenance/maintenance.schema.js';
import { statuses } from './health.checks.js';
import type { Checked } from './health.service.js';

const CheckView = z.object({
  status: z.enum(statuses),
  detail: z.string(),
  latency_ms: z.int(),
  since: z.iso.datetime().meta({ description: 'Since when the process that answers has known it so' }),
});

export const HealthView = z
  .object({
    status: z.enum(['healthy', 'misconfigured']).meta({ description: 'misconfigured where a check is' }),
    started_at: z.iso.datetime(),
    uptime_seconds: z.int(),
    versions: z.object({ ostiary: z.string(), node: z.string() }),
    maintenance: MaintenanceView,
    checks: z.object({
      database: CheckView,
      redis: CheckView,
      storage: CheckView,
      mail: CheckView,
      jobs: CheckView,
      signing_keys: CheckView,
    }),
  })
  .meta({ id: 'Health' });

export const presentCheck = ({ status, detail, latency, since }: Checked) => ({
  status,
  detail,
  latency_ms: latency,
  since: since.toISOString(),
});
