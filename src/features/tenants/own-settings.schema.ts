// What a tenant's own administrators may set. How it speaks its protocol, and with which keys, is for whoever operates the installation.
import { z } from 'zod';
import { patchOf } from '../../platform/merge-patch.js';
import type { Tenant } from './tenant.entity.js';
import { StoredSettings } from './tenant.schema.js';

const OwnSettings = StoredSettings.omit({ protocol: true, signing_keys: true });
const own = Object.keys(OwnSettings.shape);

/** RFC 7396: null takes a setting away, and its default holds again. */
export const UpdateOwnSettings = z.strictObject({ settings: patchOf(OwnSettings) });

export const OwnSettingsView = z
  .object({
    settings: z.object(OwnSettings.shape).meta({ description: 'What was set' }),
    effective: z.object(OwnSettings.shape).required().meta({ description: 'With every default filled in' }),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Settings' });

export const presentOwn = ({ storedSettings, settings, updatedAt, version }: Tenant) => ({
  settings: pick(storedSettings),
  effective: pick(settings),
  updated_at: updatedAt.toISOString(),
  version,
});

const pick = (settings: object) => Object.fromEntries(Object.entries(settings).filter(([name]) => own.includes(name)));
