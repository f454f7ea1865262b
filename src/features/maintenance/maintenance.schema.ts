import { z } from 'zod';
import { plainText } from '../../platform/text.js';
import type { Closure } from '../tenants/tenant.entity.js';

export const BeginMaintenance = z.strictObject({
  message: plainText(500).optional().meta({ description: 'Shown to people on the page that says so' }),
  until: z.iso.datetime().optional().meta({
    description: 'When it will be over, as far as anybody knows; told as Retry-After. It ends when it is ended',
  }),
});
export type BeginMaintenance = z.infer<typeof BeginMaintenance>;

export const MaintenanceView = z
  .object({
    active: z.boolean(),
    since: z.iso.datetime().nullable(),
    message: z.string().nullable(),
    until: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Maintenance' });

export const present = (closure: Closure | null | undefined) => ({
  active: Boolean(closure),
  since: closure?.since ?? null,
  message: closure?.message ?? null,
  until: closure?.until ?? null,
});
