// What a tenant says of its management API: how often it is answered, from where, and with which tokens and keys.
import { z } from 'zod';
import { apiTiers } from '../../../config/protocol.js';
import { forbidden } from '../../platform/errors.js';
import { isWithin } from '../../platform/network.js';
import { Networks } from '../../platform/networks.js';

export const ApiPolicy = z.strictObject({
  /** Said by whoever operates the installation, and by nobody else; absent: as API_TIER says. */
  tier: z.enum(Object.keys(apiTiers) as [keyof typeof apiTiers]).optional(),
  /** Whether keys of the environment `test` are taken. */
  test_keys: z.boolean().default(true),
  /** From where it is asked; none: from everywhere. */
  allowed_networks: Networks.default([]),
  /** Whether only tokens that are bound to a certificate open it (RFC 8705 §3): no bearer token, no API key. */
  certificate_bound_only: z.boolean().default(false),
});
type ApiPolicy = z.output<typeof ApiPolicy>;
type GivenPolicy = z.input<typeof ApiPolicy>;

/** Settings are replaced when they change, never altered. */
const known = new WeakMap<object, ApiPolicy>();

/** For each request: of all settings only these are read, once. */
export function apiPolicyOf({ storedSettings }: { storedSettings: Record<string, unknown> }): ApiPolicy {
  const policy = known.get(storedSettings) ?? ApiPolicy.parse(storedSettings.api ?? {});
  known.set(storedSettings, policy);
  return policy;
}

/**
 * Settings are replaced one member at a time, so that whoever replaces this one without the tier would take it away.
 * @param operates whether whoever asks operates the installation. @throws AppError 403 `operators_only`
 */
export function keepingTier<S extends { api?: GivenPolicy | null | undefined }>(
  before: Record<string, unknown>,
  patch: S,
  operates: boolean,
): S {
  if (operates || patch.api === undefined) return patch;
  const { tier } = (before.api ?? {}) as GivenPolicy;
  if (patch.api?.tier !== undefined && patch.api.tier !== tier)
    throw forbidden('operators_only', 'Only whoever operates the installation says how often a tenant is answered');
  return { ...patch, api: tier === undefined ? patch.api : { ...patch.api, tier } };
}

/** Who asks now. */
export interface Asking {
  ip: string | undefined;
  /** By a token that is bound to a certificate. */
  bound: boolean;
}

/** Whether whoever decides this would be answered after it. @returns the member that shuts them out. */
export function shutsOut(
  { allowed_networks: networks, certificate_bound_only: boundOnly }: ApiPolicy,
  { ip, bound }: Asking,
): 'allowed_networks' | 'certificate_bound_only' | undefined {
  if (networks.length > 0 && !isWithin(ip, networks)) return 'allowed_networks';
  return boundOnly && !bound ? 'certificate_bound_only' : undefined;
}
