// Whether a policy asks for more or for less than the one before. Pure.
import { acrValues } from '../../../config/protocol.js';
import type { OrganizationPolicy } from './organization-settings.js';

/** Somebody gets in who would not have got in before. Where no class was asked for, there was nothing to be spared. */
export function weakens(before: OrganizationPolicy, after: OrganizationPolicy): boolean {
  return (
    (before.acr !== null &&
      (strength(after) < strength(before) ||
        after.grace_days > before.grace_days ||
        !within(after.trusted_networks, before.trusted_networks))) ||
    (before.ways_in !== null && (after.ways_in === null || !within(after.ways_in, before.ways_in))) ||
    (before.ip_allow_list.length > 0 &&
      (after.ip_allow_list.length === 0 || !within(after.ip_allow_list, before.ip_allow_list))) ||
    (before.session_seconds !== null && (after.session_seconds ?? Number.POSITIVE_INFINITY) > before.session_seconds) ||
    (after.password.min_length ?? 0) < (before.password.min_length ?? 0)
  );
}

/** What people have or have set may not be enough from now on. Nothing else begins their time anew: it would be a way around the rule. */
export const raises = (before: OrganizationPolicy, after: OrganizationPolicy): boolean =>
  strength(after) > strength(before) || (after.password.min_length ?? 0) > (before.password.min_length ?? 0);

const strength = ({ acr }: OrganizationPolicy): number => (acr ? acrValues.indexOf(acr) : 0);

const within = (given: readonly string[], known: readonly string[]) => given.every((one) => known.includes(one));
